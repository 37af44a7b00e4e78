"""Runs the test suite with the lowest, or with the newest, versions that pyproject.toml allows.

    python -m strava_pipeline_tests.bounds lowest PYTHON [ARGUMENTS OF PYTEST]      (or newest)

Each end gets an environment of its own in .venv, made anew by that Python. What serves development alone has the versions of constraints.txt.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parent.parent
TESTS = ("-n", "auto", "--dist", "worksteal")


def main(end: str, interpreter: str, arguments: Sequence[str]) -> int:
    """Make the environment of that end and run pytest there; returns pytest's exit code."""
    folder = REPO / ".venv" / end
    python, constraints = folder / "bin" / "python", folder / "constraints.txt"
    subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
    constraints.write_text("".join(f"{line}\n" for line in pins(end)))
    install = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", constraints, "--editable", f"{REPO}[dev]"], check=True)
    return subprocess.run([python, "-m", "pytest", *(arguments or TESTS)], cwd=REPO, check=False).returncode


def pins(end: str) -> Iterator[str]:
    """The lines of pip's constraints: of what the product needs the lowest versions, or none; of tools the tested ones."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(line for name, extra in extras.items() if name != "dev" for line in extra)]
    lowest = dict(filter(None, map(_lowest, needed)))
    pinned = (line.split("==") for line in (REPO / "constraints.txt").read_text().split())
    tested = {canonicalize_name(name): version for name, version in pinned}
    tools = {Requirement(line).name for line in extras["dev"]} - {Requirement(line).name for line in needed}
    if end == "lowest":
        yield from (f"{name}=={version}" for name, version in lowest.items())
    yield from (f"{name}=={tested[name]}" for name in sorted(tools & tested.keys()))


def _lowest(line: str) -> tuple[str, str] | None:
    """The name and the least version; None where there is none."""
    requirement = Requirement(line)
    return next(((requirement.name, each.version) for each in requirement.specifier if each.operator == ">="), None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
