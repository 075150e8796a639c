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
import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from support.memory import Memory

from axiom_emulator.testing import LocalAxiom

PLAYBOOKS = Path(__file__).parent / "playbooks"
USERS = ("ada", "linus", "grace")
SECRET = "xaat-0c0ffee0-1111-4222-8333-944445555666"
DROP_IN = "etc/claude-code/managed-settings.d/90-axiom-telemetry.json"
EDGE = "https://us-east-1.aws.edge.axiom.co/v1"


class Sample(NamedTuple):
    """One run: wall and processor seconds, the peak memory of the controller's processes together in MiB, and when the
    last machine that answers had answered, in seconds from the start."""

    wall: float
    cpu: float
    memory: float
    answered: float


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
    started = time.monotonic()
    answered, lines = 0.0, []
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        memory = Memory(process.pid)
        for line in process.stdout:
            lines.append(line)
            if line.startswith(("ok: [", "changed: [")):
                answered = time.monotonic() - started
        # Not Popen.wait(): it keeps what this one process and its workers used to itself.
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = memory.stop()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{''.join(lines)[-5000:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, peak, answered or wall)


def compare(
    name: str, goal: float | None, runs: int, contender: Step, yardstick: Step, measure: str = "wall"
) -> list[Row]:
    """Both in turn, after one warm-up each; the ratio is that of one measure of a `Sample`, pair by pair."""
    contender(), yardstick()
    pairs = [(contender(), yardstick()) for _index in range(runs)]
    ratios = [getattr(a, measure) / getattr(b, measure) for a, b in pairs]
    return [Row(name, goal, ratios, [a for a, _b in pairs], [b for _a, b in pairs])]


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

    def fleet(self, name: str, hosts: int, each: Callable[[int], dict[str, Any]] | None = None, **common: Any) -> Path:
        """An inventory of bare machines; `each` gives what only one has, by its number."""
        names = [f"h{index:04d}" for index in range(hosts)]
        for host in names:
            (self.machine(name, host) / "etc/bench").mkdir(parents=True, exist_ok=True)
        inventory = self.root / f"{name}.yml"
        variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "bench_document": json.dumps({"env": {"A": "1"}}),
            "ansible_become": False,
            "claude_code_telemetry_token": SECRET,
            "claude_code_telemetry_logs_dataset": "claude-code-logs",
            "claude_code_telemetry_metrics_dataset": "claude-code-metrics",
            "claude_code_telemetry_logs_endpoint": f"{EDGE}/logs",
            "claude_code_telemetry_metrics_endpoint": f"{EDGE}/metrics",
            "claude_code_telemetry_resource_attributes": {"team": "platform", "cost_center": "4711, west"},
        }
        # A constant, as `/` is on machines: a template would cost the contender alone.
        own = {
            host: {"claude_code_telemetry_prefix": str(self.machine(name, host)), **(each(index) if each else {})}
            for index, host in enumerate(names)
        }
        fleet = {"hosts": own, "vars": {**variables, **common}}
        inventory.write_text(yaml.safe_dump({"all": {"children": {"fleet": fleet, "none": {}}}}))
        return inventory

    def converged(self, name: str, hosts: int, **common: Any) -> Path:
        """A fleet of machines that are set up already: one is enforced, the others are copies with their own name."""
        inventory = self.fleet(name, hosts, **common)
        self.playbook("enforce", inventory, "--limit", "h0000")()
        for index in range(1, hosts):
            machine = self.machine(name, f"h{index:04d}")
            shutil.copytree(self.machine(name, "h0000"), machine, dirs_exist_ok=True)
            document = machine / DROP_IN
            document.write_text(document.read_text().replace("h0000", machine.name))
        return inventory

    @staticmethod
    def path_of(playbook: str) -> str:
        """Of one of the playbooks beside this program, or of the collection."""
        path = PLAYBOOKS / f"{playbook}.yml"
        return str(path) if path.exists() else f"devfleet.axiom.{playbook}"

    def playbook(self, name: str, inventory: Path | None = None, *arguments: str, **environment: str) -> Step:
        command = ["ansible-playbook", "-i", str(inventory or self.inventory), self.path_of(name), *arguments]
        return lambda: run(command, {**self.environment, **environment})

    def enforce_against_ping(self) -> list[Row]:
        return compare(
            "converged enforce / ping, local", 0.25, self.runs, self.playbook("enforce"), self.playbook("ping")
        )

    def enforce_against_copy(self) -> list[Row]:
        return compare(
            "converged enforce / copy by hand", 0.12, self.runs, self.playbook("enforce"), self.playbook("copy")
        )

    def enforce_against_merge(self) -> list[Row]:
        runs, merge = max(2, self.runs // 2), self.playbook("merge")
        return [
            *compare("converged enforce / stat, slurp, combine, copy", 0.05, runs, self.playbook("enforce"), merge),
            *compare("the floor: raw / stat, slurp, combine, copy", None, runs, self.playbook("raw"), merge),
        ]

    def some_drifted(self) -> list[Row]:
        def drifted() -> Sample:
            for index in range(0, self.hosts, 20):
                (self.machine("fleet", f"h{index:04d}") / DROP_IN).unlink(missing_ok=True)
            return self.playbook("enforce")()

        return compare("5 % drifted / converged", 1.5, self.runs, drifted, self.playbook("enforce"))

    def per_user(self) -> list[Row]:
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

    def nobody(self) -> list[Row]:
        contender = self.playbook("enforce", None, "-e", "claude_code_telemetry_hosts=none")
        return compare("enforce without a host / empty play", 1.3, self.runs, contender, self.playbook("empty"))

    def provision(self) -> list[Row]:
        with LocalAxiom() as axiom:
            self.environment.update(axiom.env(), ANSIBLE_VAULT_PASSWORD_FILE=str(self.root / "vault-password"))
            (self.root / "vault-password").write_text("bench\n")
            small, large = self.workspace("small", 2, 1), self.workspace("large", 50, 200)
            rows = compare(
                "provision, 50 datasets and 200 tokens / 2 and 1",
                2.0,
                self.runs,
                self.playbook("provision", large),
                self.playbook("provision", small),
            )
            axiom.clear_requests()
            self.playbook("provision", large)()
            print(f"  requests of the converged large one: {len(axiom.requests())}", file=sys.stderr)
        return rows

    def workspace(self, name: str, datasets: int, tokens: int) -> Path:
        names = [f"{name}-{index}" for index in range(datasets)]
        return self.fleet(
            name,
            2,
            axiom_workspace_datasets=[{"name": dataset} for dataset in names],
            axiom_workspace_tokens=[{"name": f"{name}-t{index}", "ingest": [names[0]]} for index in range(tokens)],
            axiom_workspace_store={"type": "vault_file", "path": f"{name}-store.yml"},
        )

    def over_ssh(self) -> list[Row]:
        """With connections that a run shortly before left open, and as a schedule finds it, with none."""
        fresh = (str(self.root / f"c{number}") for number in itertools.count())

        def cold(name: str, **environment: str) -> Step:
            def step() -> Sample:
                sockets = {"ANSIBLE_SSH_CONTROL_PATH_DIR": next(fresh)}
                return self.playbook(name, inventory, **{**sockets, **environment})()

            return step

        with self.sshd() as variables:
            inventory = self.converged("ssh", self.hosts, **variables)
            enforce, ping, raw = (self.playbook(name, inventory) for name in ("enforce", "ping", "raw"))
            single = cold("enforce", ANSIBLE_SSH_ARGS="-C -o ControlMaster=no")
            return [
                *compare("converged enforce / ping, ssh", 0.5, self.runs, enforce, ping),
                *compare(
                    "converged enforce / ping, ssh, no connection open yet",
                    0.5,
                    self.runs,
                    cold("enforce"),
                    cold("ping"),
                ),
                *compare("converged enforce / raw, ssh", None, self.runs, enforce, raw),
                *compare("enforce without ControlPersist / with it, ssh", None, self.runs, single, cold("enforce")),
            ]

    @contextmanager
    def sshd(self) -> Iterator[dict[str, Any]]:
        """Inventory variables for machines that a daemon of our own answers for."""
        key, host_key = self.root / "key", self.root / "host-key"
        for path in (key, host_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        with socket.create_server(("", 0)) as free:
            port = free.getsockname()[1]
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
            yield {
                "ansible_connection": "ssh",
                # One daemon answers on every address of the loopback network, each with a connection of its own.
                "ansible_host": "127.0.{{ 1 + (host | int) // 250 }}.{{ 1 + (host | int) % 250 }}",
                "host": "{{ inventory_hostname[1:] }}",
                "ansible_port": port,
                "ansible_ssh_private_key_file": str(key),
                "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            }
        finally:
            daemon.terminate()
            daemon.wait()

    def half_gone(self) -> list[Row]:
        """Every second machine takes the connection and never says a word, until ssh gives up."""
        with ExitStack() as stack:
            tarpit = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
            silent = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": tarpit.getsockname()[1]}
            inventory = self.fleet("gone", self.hosts, lambda index: silent if index % 2 else {})
            there = ["--limit", "~.*[02468]$"]
            self.playbook("enforce", inventory, *there)()
            rows: list[Row] = []
            for forks in (self.hosts // 8, self.hosts // 2, self.hosts):
                changes = {"ANSIBLE_FORKS": str(forks), "ANSIBLE_TIMEOUT": "3"}
                steps = [self.playbook("enforce", inventory, *limit, **changes) for limit in ([], there)]
                name = f"half gone, {forks} forks: the others, done / without the gone"
                rows += compare(name, None, self.runs, *steps, measure="answered")
                walls = ", ".join(f"{sample.wall:.1f}" for sample in rows[-1].contender)
                print(f"  half gone, {forks} forks, 3 s time-out: the whole run took {walls} s", file=sys.stderr)
        return rows

    def forks(self) -> list[Row]:
        """Machines that are a third of a second away: waiting for them is what forks are for."""
        shell = self.root / "far-away-sh"
        shell.write_text('#!/bin/sh\nsleep 0.3\nexec /bin/sh "$@"\n')
        shell.chmod(0o755)
        inventory = self.converged("far", 3 * self.hosts, ansible_shell_executable=str(shell))
        five, twenty, eighty = (self.playbook("enforce", inventory, ANSIBLE_FORKS=str(forks)) for forks in (5, 20, 80))
        return [
            *compare("machines 0.3 s away: 20 forks / 5 forks", None, self.runs, twenty, five),
            *compare("machines 0.3 s away: 80 forks / 20 forks", None, self.runs, eighty, twenty),
        ]

    def strategy(self) -> list[Row]:
        linear = self.playbook("enforce")
        return [
            row
            for name in ("free", "host_pinned")
            for row in compare(
                f"strategy {name} / linear", None, self.runs, self.playbook("enforce", ANSIBLE_STRATEGY=name), linear
            )
        ]

    def slope(self) -> list[Row]:
        """How the cost grows with the fleet: what each further host adds, against raw."""
        sizes = (100, 300, 1000)
        fleets = [self.converged(f"grow{size}", size) for size in sizes]
        taken: list[dict[str, list[Sample]]] = []
        for _index in range(max(2, self.runs // 2)):
            taken.append({"enforce": [], "raw": []})
            for size, inventory in zip(sizes, fleets, strict=True):
                for name, samples in taken[-1].items():
                    samples.append(self.playbook(name, inventory)())
                    print(f"  {name} on {size} hosts: {samples[-1]}", file=sys.stderr)

        def growth(samples: list[Sample], measure: str, first: int = 0) -> float:
            points = [(size, getattr(sample, measure)) for size, sample in zip(sizes, samples, strict=False)]
            return statistics.linear_regression(*zip(*points[first:], strict=True)).slope

        def row(name: str, goal: float | None, ratio: Callable[[list[Sample], list[Sample]], float]) -> Row:
            ratios = [ratio(one["enforce"], one["raw"]) for one in taken]
            return Row(name, goal, ratios, *([one[name][-1] for one in taken] for name in ("enforce", "raw")))

        def against(measure: str) -> Callable[[list[Sample], list[Sample]], float]:
            return lambda enforce, raw: growth(enforce, measure) / growth(raw, measure)

        return [
            row("a further host, 100 to 1000, wall: enforce / raw", 1.3, against("wall")),
            # What others do on the machine meanwhile disturbs the wall clock more than this.
            row("a further host, processor time: enforce / raw", 1.3, against("cpu")),
            row("a further host, peak memory: enforce / raw", 1.3, against("memory")),
            row(
                "peak memory with 1000 hosts: enforce / raw",
                None,
                lambda enforce, raw: enforce[-1].memory / raw[-1].memory,
            ),
            row(
                "linear: processor time of a host from 300 on / up to 300",
                None,
                lambda enforce, _raw: growth(enforce, "cpu", 1) / growth(enforce[:2], "cpu"),
            ),
        ]


ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "ping": Bench.enforce_against_ping,
    "ssh": Bench.over_ssh,
    "copy": Bench.enforce_against_copy,
    "merge": Bench.enforce_against_merge,
    "drift": Bench.some_drifted,
    "users": Bench.per_user,
    "start-up": Bench.nobody,
    "slope": Bench.slope,
    "provision": Bench.provision,
    "gone": Bench.half_gone,
    "forks": Bench.forks,
    "strategy": Bench.strategy,
}


def show(rows: list[Row]) -> None:
    """The table; processor time is against the yardstick too, wall time and memory are the contender's own."""
    print(f"{'what':<60} {'ratio':>6} {'from':>6} {'to':>6} {'goal':>6} {'cpu':>6} {'wall s':>7} {'MiB':>6}")
    for row in rows:
        wall, memory = (statistics.median(getattr(one, name) for one in row.contender) for name in ("wall", "memory"))
        cpu = sum(one.cpu for one in row.contender) / sum(one.cpu for one in row.yardstick)
        goal = f"{row.goal:.2f}" if row.goal else "-"
        figures = f"{row.ratio():6.2f} {min(row.ratios):6.2f} {max(row.ratios):6.2f} {goal:>6} {cpu:6.2f}"
        print(f"{row.name:<60} {figures} {wall:7.2f} {memory:6.0f}")


def save(rows: list[Row], path: Path | None) -> None:
    """Every sample with its name, so that others can compute what they like from it."""
    if path:
        samples = [
            {
                **row._asdict(),
                "ratio": row.ratio(),
                "contender": [sample._asdict() for sample in row.contender],
                "yardstick": [sample._asdict() for sample in row.yardstick],
            }
            for row in rows
        ]
        path.write_text(json.dumps(samples, indent=2) + "\n")


def plot(rows: list[Row], path: Path) -> None:
    """A bar per row on a logarithmic axis, the goal as a mark."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.4 * len(rows) + 1.5), layout="constrained")
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
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("ratio (median, with spread; red: goal)")
    figure.savefig(path)


def own_fleet(inventory: Path, forks: int, runs: int) -> list[Row]:
    """Nothing is changed on machines that are not ours: enforce in check mode. Some may be asleep."""
    environment = {**os.environ, "ANSIBLE_FORKS": str(forks)}
    enforce, ping = (
        ["ansible-playbook", "-i", str(inventory), playbook, "--check"]
        for playbook in ("devfleet.axiom.enforce", str(PLAYBOOKS / "ping.yml"))
    )
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
        rows = own_fleet(options.inventory, options.forks, options.runs)
    else:
        with tempfile.TemporaryDirectory(prefix="devfleet-bench-") as folder:
            Path(folder).chmod(0o711)
            bench = Bench(Path(folder), options.hosts, options.forks, options.runs)
            bench.playbook("enforce")()
            rows = []
            for name in options.only:
                rows += ROWS[name](bench)
                # What took minutes to measure is not lost when a later one fails.
                save(rows, options.json)
                print(f"  {name} is done", file=sys.stderr)
    show(rows)
    save(rows, options.json)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
