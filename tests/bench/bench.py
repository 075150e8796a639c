# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What enforcing costs, as ratios: contender and yardstick run in turn, so that a machine's mood strikes both alike.

    python -m bench.bench [--hosts 40] [--forks 20] [--runs 5] [--only ROW ...] [--json FILE] [--plot FILE]
    python -m bench.bench --inventory MINE      # your own fleet: enforce --check against ping

Absolute times say nothing about another machine, so none is judged.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from axiom_emulator.testing import LocalAxiom

PLAYBOOKS = Path(__file__).parent / "playbooks"
USERS = ("ada", "linus", "grace")
SECRET = "xaat-0c0ffee0-1111-4222-8333-944445555666"
EDGE = "https://us-east-1.aws.edge.axiom.co/v1"


class Sample(NamedTuple):
    """One run: wall and processor seconds, and the peak memory of its largest process in MiB."""

    wall: float
    cpu: float
    memory: float


Step = Callable[[], Sample]


class Row(NamedTuple):
    """A comparison: median ratio with its spread, and what the goal is."""

    name: str
    goal: float | None
    ratios: list[float]
    contender: list[Sample]
    yardstick: list[Sample]

    def ratio(self) -> float:
        return statistics.median(self.ratios)


def run(command: list[str], environment: dict[str, str]) -> Sample:
    """Run to the end; a failure is an error, because it would be fast."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(wall, cpu, after.ru_maxrss / 1024)


def compare(name: str, goal: float | None, runs: int, contender: Step, yardstick: Step) -> Row:
    """Both in turn, after one warm-up each; the ratio is that of the wall times, pair by pair."""
    contender(), yardstick()
    pairs = [(contender(), yardstick()) for _index in range(runs)]
    return Row(name, goal, [a.wall / b.wall for a, b in pairs], [a for a, _b in pairs], [b for _a, b in pairs])


class Bench:
    """A fleet of local directories, and the commands that are compared on it."""

    def __init__(self, root: Path, hosts: int, forks: int, runs: int) -> None:
        self.root, self.hosts, self.runs = root, hosts, runs
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AXIOM_"))},
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_FORKS": str(forks),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        }
        self.inventory = self.fleet("fleet", hosts)

    def machine(self, fleet: str, host: str) -> Path:
        return self.root / fleet / host

    def fleet(self, name: str, hosts: int, **variables: Any) -> Path:
        """An inventory of bare machines."""
        names = [f"h{index:04d}" for index in range(hosts)]
        for host in names:
            (self.machine(name, host) / "etc/bench").mkdir(parents=True, exist_ok=True)
        inventory = self.root / f"{name}.yml"
        common: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "bench_document": json.dumps({"env": {"A": "1"}}),
            "claude_code_telemetry_become": False,
            "claude_code_telemetry_prefix": f"{self.root}/{name}/{{{{ inventory_hostname }}}}",
            "claude_code_telemetry_token": SECRET,
            "claude_code_telemetry_logs_dataset": "claude-code-logs",
            "claude_code_telemetry_metrics_dataset": "claude-code-metrics",
            "claude_code_telemetry_logs_endpoint": f"{EDGE}/logs",
            "claude_code_telemetry_metrics_endpoint": f"{EDGE}/metrics",
            "claude_code_telemetry_resource_attributes": {"team": "platform", "cost_center": "4711, west"},
        }
        fleet = {"hosts": {host: {} for host in names}, "vars": {**common, **variables}}
        inventory.write_text(yaml.safe_dump({"all": {"children": {"fleet": fleet, "none": {}}}}))
        return inventory

    def playbook(self, name: str, inventory: Path | None = None, *arguments: str) -> Step:
        path = str(PLAYBOOKS / f"{name}.yml") if (PLAYBOOKS / f"{name}.yml").exists() else f"devfleet.axiom.{name}"
        command = ["ansible-playbook", "-i", str(inventory or self.inventory), path, *arguments]
        return lambda: run(command, self.environment)

    def enforce_against_ping(self) -> Row:
        return compare(
            "converged enforce / ping, local", 0.25, self.runs, self.playbook("enforce"), self.playbook("ping")
        )

    def enforce_against_copy(self) -> Row:
        return compare(
            "converged enforce / copy by hand", 0.12, self.runs, self.playbook("enforce"), self.playbook("copy")
        )

    def enforce_against_merge(self) -> Row:
        return compare(
            "converged enforce / stat, slurp, combine, copy",
            0.05,
            max(2, self.runs // 2),
            self.playbook("enforce"),
            self.playbook("merge"),
        )

    def some_drifted(self) -> Row:
        def drifted() -> Sample:
            for index in range(0, self.hosts, 20):
                settings = self.machine("fleet", f"h{index:04d}") / "etc/claude-code/managed-settings.d"
                (settings / "90-axiom-telemetry.json").unlink(missing_ok=True)
            return self.playbook("enforce")()

        return compare("5 % drifted / converged", 1.5, self.runs, drifted, self.playbook("enforce"))

    def per_user(self) -> Row:
        inventory = self.fleet(
            "users",
            self.hosts,
            claude_code_telemetry_targets=["managed_settings", "shell_profile"],
            claude_code_telemetry_users=list(USERS),
        )
        for index in range(self.hosts):
            machine = self.machine("users", f"h{index:04d}")
            lines = []
            for number, user in enumerate(USERS, 5001):
                uid = number if os.geteuid() == 0 else os.geteuid()
                home = machine / "home" / user
                home.mkdir(parents=True, exist_ok=True)
                os.chown(home, uid, -1)
                lines.append(f"{user}:x:{uid}:{uid}::/home/{user}:/bin/sh\n")
            (machine / "etc/passwd").write_text("".join(lines))
        contender = self.playbook("enforce", inventory)
        return compare(
            "3 users' shells too / managed settings alone", None, self.runs, contender, self.playbook("enforce")
        )

    def nobody(self) -> Row:
        contender = self.playbook("enforce", None, "-e", "claude_code_telemetry_hosts=none")
        return compare("enforce without a host / empty play", 1.3, self.runs, contender, self.playbook("empty"))

    def provision(self) -> Row:
        with LocalAxiom() as axiom:
            self.environment.update(axiom.env(), ANSIBLE_VAULT_PASSWORD_FILE=str(self.root / "vault-password"))
            (self.root / "vault-password").write_text("bench\n")
            small, large = self.workspace("small", 2, 1), self.workspace("large", 50, 200)
            row = compare(
                "provision, 50 datasets and 200 tokens / 2 and 1",
                2.0,
                self.runs,
                self.playbook("provision", large),
                self.playbook("provision", small),
            )
            axiom.clear_requests()
            self.playbook("provision", large)()
            print(f"  requests of the converged large one: {len(axiom.requests())}", file=sys.stderr)
        return row

    def workspace(self, name: str, datasets: int, tokens: int) -> Path:
        names = [f"{name}-{index}" for index in range(datasets)]
        return self.fleet(
            name,
            2,
            axiom_workspace_datasets=[{"name": dataset} for dataset in names],
            axiom_workspace_tokens=[{"name": f"{name}-t{index}", "ingest": [names[0]]} for index in range(tokens)],
            axiom_workspace_store={"type": "vault_file", "path": f"{name}-store.yml"},
        )

    def over_ssh(self) -> Row:
        with self.sshd() as (port, key):
            inventory = self.fleet(
                "ssh",
                self.hosts,
                ansible_connection="ssh",
                # One daemon answers on every address of the loopback network, each with a connection of its own.
                ansible_host="127.0.{{ 1 + (host | int) // 250 }}.{{ 1 + (host | int) % 250 }}",
                host="{{ inventory_hostname[1:] }}",
                ansible_port=port,
                ansible_ssh_private_key_file=str(key),
                ansible_ssh_common_args="-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            )
            return compare(
                "converged enforce / ping, ssh",
                0.5,
                self.runs,
                self.playbook("enforce", inventory),
                self.playbook("ping", inventory),
            )

    @contextmanager
    def sshd(self) -> Iterator[tuple[int, Path]]:
        key, host_key, port = self.root / "key", self.root / "host-key", 42022
        for path in (key, host_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        options = {
            "Port": port,
            "HostKey": host_key,
            "AuthorizedKeysFile": key.with_suffix(".pub"),
            "StrictModes": "no",
            "UsePAM": "no",
            "PermitRootLogin": "yes",
            "MaxStartups": "500",
            "PidFile": "none",
        }
        arguments = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        Path("/run/sshd").mkdir(exist_ok=True)
        daemon = subprocess.Popen([shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-f", "/dev/null", *arguments])
        try:
            time.sleep(0.5)
            yield port, key
        finally:
            daemon.terminate()
            daemon.wait()

    def slope(self) -> Row:
        """How the cost grows with the fleet: what each further host adds, against raw."""
        sizes = (100, 300, 1000)
        points: dict[str, list[Sample]] = {"enforce": [], "raw": []}
        for size in sizes:
            inventory = self.fleet(f"grow{size}", size)
            self.playbook("enforce", inventory)()
            for name, samples in points.items():
                samples.append(self.playbook(name, inventory)())
                print(f"  {name} on {size} hosts: {samples[-1]}", file=sys.stderr)
        steps = [larger - smaller for smaller, larger in pairwise(sizes)]
        added = {
            name: [(b.wall - a.wall) / step for (a, b), step in zip(pairwise(samples), steps, strict=True)]
            for name, samples in points.items()
        }
        ratios = [enforce / raw for enforce, raw in zip(added["enforce"], added["raw"], strict=True)]
        return Row("each further host, 100 to 1000: enforce / raw", 1.3, ratios, points["enforce"], points["raw"])


ROWS: dict[str, Callable[[Bench], Row]] = {
    "ping": Bench.enforce_against_ping,
    "ssh": Bench.over_ssh,
    "copy": Bench.enforce_against_copy,
    "merge": Bench.enforce_against_merge,
    "drift": Bench.some_drifted,
    "users": Bench.per_user,
    "start-up": Bench.nobody,
    "slope": Bench.slope,
    "provision": Bench.provision,
}


def show(rows: list[Row]) -> None:
    print(f"{'what':<50} {'ratio':>6} {'from':>6} {'to':>6} {'goal':>6} {'cpu':>6} {'wall s':>7} {'MiB':>6}")
    for row in rows:
        wall, memory = (statistics.median(getattr(one, name) for one in row.contender) for name in ("wall", "memory"))
        cpu = sum(one.cpu for one in row.contender) / sum(one.cpu for one in row.yardstick)
        goal = f"{row.goal:.2f}" if row.goal else "-"
        figures = f"{row.ratio():6.2f} {min(row.ratios):6.2f} {max(row.ratios):6.2f} {goal:>6} {cpu:6.2f}"
        print(f"{row.name:<50} {figures} {wall:7.2f} {memory:6.0f}")


def plot(rows: list[Row], path: Path) -> None:
    """A bar per row on a logarithmic axis, the goal as a mark."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.5 * len(rows) + 1.5), layout="constrained")
    axes = figure.subplots()
    positions = range(len(rows))
    axes.barh(positions, [row.ratio() for row in rows], color="#4c72b0")
    for position, row in enumerate(rows):
        axes.plot([min(row.ratios), max(row.ratios)], [position, position], color="black", linewidth=1)
        if row.goal:
            axes.plot([row.goal, row.goal], [position - 0.4, position + 0.4], color="#c44e52", linewidth=2)
    axes.set_yticks(positions, [row.name for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("ratio (median, with spread; red: goal)")
    figure.savefig(path)


def own_fleet(inventory: Path, forks: int, runs: int) -> Row:
    """Nothing is changed on machines that are not ours: enforce in check mode."""
    environment = {**os.environ, "ANSIBLE_FORKS": str(forks)}
    enforce = ["ansible-playbook", "-i", str(inventory), "devfleet.axiom.enforce", "--check"]
    ping = ["ansible", "-i", str(inventory), "all", "-m", "ansible.builtin.ping"]
    return compare(
        "enforce --check / ping, your fleet",
        0.5,
        runs,
        lambda: run(enforce, environment),
        lambda: run(ping, environment),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--forks", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--inventory", type=Path, help="measure your own fleet instead of local directories")
    options = parser.parse_args()
    if options.inventory:
        rows = [own_fleet(options.inventory, options.forks, options.runs)]
    else:
        with tempfile.TemporaryDirectory(prefix="devfleet-bench-") as folder:
            Path(folder).chmod(0o711)
            bench = Bench(Path(folder), options.hosts, options.forks, options.runs)
            bench.playbook("enforce")()
            rows = [ROWS[name](bench) for name in options.only]
    show(rows)
    if options.json:
        options.json.write_text(json.dumps([row._asdict() | {"ratio": row.ratio()} for row in rows], indent=2) + "\n")
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
