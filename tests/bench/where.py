# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the controller's processor time goes for a converged host: a profile of the main process and of every worker.

    python -m bench.where [--hosts 100] [--variables 0] [--playbook enforce|raw|ping]

Prints milliseconds per host and stage. The profiler makes Python about twice as slow and the kernel's work not at all
slower, so these are shares to compare and no costs; `bench.bench` has those.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.bench import Bench


class Stage(NamedTuple):
    """Functions by the end of their file's name and their own; none of them calls another of the list."""

    label: str
    process: str
    functions: tuple[tuple[str, str], ...]


STAGES = (
    Stage("the host's variables", "main", (("vars/manager.py", "get_vars"),)),
    Stage("forking a worker", "main", (("process/worker.py", "start"),)),
    Stage("taking results, printing them", "main", (("strategy/__init__.py", "_process_pending_results"),)),
    Stage("keywords of play and task, their templates", "workers", (("playbook/base.py", "post_validate"),)),
    Stage(
        "connection, its options",
        "workers",
        (("task_executor.py", "_get_connection"), ("task_executor.py", "_set_connection_options")),
    ),
    Stage("options from variables, their templates", "workers", (("role_variables.py", "options_from"),)),
    Stage(
        "checking the options",
        "workers",
        (("plugin_utils/arguments.py", "checked"), ("telemetry_options.py", "check")),
    ),
    Stage("secret and endpoints, out of the store", "workers", (("action/claude_code_telemetry.py", "_resolved"),)),
    Stage("what is wanted on the machine", "workers", (("module_utils/targets.py", "wanted"),)),
    Stage(
        "the probe's script, judging the answer", "workers", (("host_probe.py", "script"), ("host_probe.py", "check"))
    ),
    Stage("sending it and waiting", "workers", (("action/__init__.py", "_low_level_execute_command"),)),
)


def profiled(folder: Path, arguments: list[str]) -> None:
    """Be `ansible-playbook`, and leave a profile of each process."""
    from ansible.cli.playbook import main
    from ansible.executor.process.worker import WorkerProcess

    own, run = cProfile.Profile(time.process_time), WorkerProcess.run

    def profiled_run(worker: WorkerProcess) -> None:
        own.disable()
        profile = cProfile.Profile(time.process_time)
        try:
            profile.runcall(run, worker)
        finally:
            # The main process may end this one in the middle of it: half a profile keeps its other name.
            profile.dump_stats(folder / f"half-{os.getpid()}")
            os.rename(folder / f"half-{os.getpid()}", folder / f"worker-{os.getpid()}")

    WorkerProcess.run = profiled_run
    sys.argv = ["ansible-playbook", *arguments]
    try:
        own.runcall(main)
    finally:
        own.dump_stats(folder / "main")


def table(folder: Path, hosts: int) -> list[tuple[str, str, float]]:
    """(process, stage, ms per host); for each process the rest comes last."""
    loop = (("strategy/linear.py", "run"),)
    rows = []
    for process, pattern, whole in (("main", "main", loop), ("workers", "worker-*", (("worker.py", "run"),))):
        profiles = [str(path) for path in folder.glob(pattern)]
        stats, number = pstats.Stats(*profiles), hosts if process == "main" else len(profiles)

        def spent(functions: tuple[tuple[str, str], ...], stats: pstats.Stats = stats, number: int = number) -> float:
            return sum(
                cumulative * 1000 / number
                for (path, _line, name), (_calls, _primitive, _own, cumulative, _callers) in stats.stats.items()
                if any(path.endswith(end) and name == wanted for end, wanted in functions)
            )

        stages = [(process, stage.label, spent(stage.functions)) for stage in STAGES if stage.process == process]
        rest = spent(whole) - sum(cost for _process, _label, cost in stages)
        rows += [*stages, (process, "everything else", rest)]
    return rows


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        profiled(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--variables", type=int, default=0, help="how many more variables the group has")
    parser.add_argument("--playbook", choices=["enforce", "raw", "ping"], default="enforce")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="devfleet-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        bench = Bench(folder, 0, 4, 1)
        more = {f"other_{index}": f"value {index}" for index in range(options.variables)}
        inventory = bench.converged("fleet", options.hosts, **more)
        profiles = folder / "profiles"
        profiles.mkdir()
        command = [sys.executable, "-m", "bench.where", "--inside", str(profiles)]
        arguments = ["-i", str(inventory), bench.path_of(options.playbook)]
        subprocess.run([*command, *arguments], env=bench.environment, check=True, stdout=subprocess.DEVNULL)
        for process, label, cost in table(profiles, options.hosts):
            print(f"{process:<8} {label:<45} {cost:6.2f}")


if __name__ == "__main__":
    main()
