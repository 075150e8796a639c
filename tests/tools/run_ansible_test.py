# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test`` on the checkout's files: sanity on every Python found, units and integration on this one.

For sanity it makes virtual environments of its own and starts each with a ``get-pip.py`` from a host of the Ansible
project, which many networks cannot reach. The same file is made here from the pip wheel of the package index.

Two things are kept outside the build folder, where ansible-test looks for them and nowhere else: that file in
``~/.ansible/test/cache`` and the virtual environments in ``~/.ansible/test/venv``.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.constants import SUPPORTED_PYTHON_VERSIONS
from ansible_test._internal.python_requirements import get_venv_packages
from support import checkout
from support.pythons import pythons, search_path

CACHE = Path("~/.ansible/test/cache").expanduser()

GET_PIP = '''\
"""pip {version}, packed from its wheel by tests/tools/run_ansible_test.py of devfleet.axiom."""
import base64
import os
import sys
import tempfile

WHEEL = """{wheel}"""


def main():
    path = os.path.join(tempfile.mkdtemp(), "pip-{version}-py3-none-any.whl")
    with open(path, "wb") as handle:
        handle.write(base64.b85decode(WHEEL))
    sys.path.insert(0, path)
    from pip._internal.cli.main import main as pip
    wanted = [arg for arg in sys.argv[1:] if arg not in ("--no-setuptools", "--no-wheel", "pip=={version}")]
    return pip(["install", "--upgrade", "--force-reinstall", path] + wanted)


if __name__ == "__main__":
    sys.exit(main())
'''


def write_get_pip(version: str) -> None:
    """Make the bootstrap script for this pip version, unless ansible-test has it already."""
    script = CACHE / f"get_pip_{version.replace('.', '_')}.py"
    if script.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "download", "--no-deps", "--dest", folder, f"pip=={version}"], check=True)
        (wheel,) = Path(folder).glob("pip-*.whl")
        encoded = base64.b85encode(wheel.read_bytes()).decode()
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = script.with_suffix(".unfinished")
    unfinished.write_text(GET_PIP.format(version=version, wheel=encoded))
    unfinished.replace(script)


def run(command: list[str | Path], folder: Path, environment: dict[str, str]) -> int:
    """Run and show ansible-test. Having tested nothing is a failure, which it would call a success."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    skipped = False
    for line in process.stdout or ():
        print(line, end="", flush=True)
        skipped = skipped or "All targets skipped" in line
    return process.wait() or int(skipped)


def main() -> int:
    """Prepare what ansible-test needs and hand over to it; further arguments are passed on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="folder to work in")
    parser.add_argument("command", choices=["sanity", "units", "integration"])
    options, passed_on = parser.parse_known_args()

    work = options.build.resolve() / "ansible-test"
    collection = work / "ansible_collections/devfleet/axiom"
    # ansible-test wants the collection below ``ansible_collections``, and tests whatever else lies around in it.
    checkout.copy(collection)
    # Otherwise the checkout's own repository is asked, which ignores the build folder with all that is in it.
    subprocess.run(["git", "init", "--quiet"], cwd=collection, check=True)

    links = work / "python"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    own = Path(sys.executable).parent
    wanted = SUPPORTED_PYTHON_VERSIONS if options.command == "sanity" else ["{}.{}".format(*sys.version_info)]
    found = pythons(wanted, "venv", first=[own])
    for version, executable in found.items():
        if executable.parent != own:
            # A relocated link would lose its standard library, so the link is to the real file.
            (links / f"python{version}").symlink_to(executable.resolve())
        if options.command == "sanity":
            write_get_pip(get_venv_packages(SimpleNamespace(version=version))["pip"])
    print(f"ansible-test {options.command} on Python {', '.join(found)}", flush=True)

    environment = {**os.environ, "PATH": os.pathsep.join(map(str, [own, links, *search_path()]))}
    # Warns and passes without this program: a silent gap.
    if not shutil.which("shellcheck", path=environment["PATH"]):
        sys.exit("shellcheck is missing: run `make setup`")
    command = [own / "ansible-test", options.command, "--color", "no", *passed_on]
    if len(found) == 1:
        command += ["--python", *found]
    return run(command, collection, environment)


if __name__ == "__main__":
    sys.exit(main())
