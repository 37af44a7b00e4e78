"""The package as others install it: a wheel in an environment of its own, used in a folder that is no checkout.

What the wheel declares that it needs is linked from this environment, and nothing else: no extra, no tool of developers.
Needs pip to reach a package index: building asks for setuptools.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from strava_pipeline_tests.e2e.dagster_dev import ROOT

pytestmark = pytest.mark.slow

PATIENCE = 900  # seconds; building waits for a slow line
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")
KEPT = ("data", "demo", "secrets", "logs", "dagster_home")
LOAD = """
import os, subprocess, sys
from importlib.resources import files
from pathlib import Path
from strava_pipeline.verbs.demo import demo_settings

workspace = files("strava_pipeline.orchestrate").joinpath("workspace.yaml")
settings = demo_settings(Path("demo").absolute(), "http://127.0.0.1:9")
command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(workspace)]
sys.exit(subprocess.call(command, env={**os.environ, **settings.environ()}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel in an environment of its own, `env`, and an empty home."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # setuptools builds inside the folder it is given
    shutil.copytree(ROOT / "strava_pipeline", source / "strava_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCES:
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    asked = _run([*pip, "download", "--no-deps", "--dest", str(folder / "probe"), "setuptools>=77"], folder)
    if asked.returncode:
        pytest.skip("pip reaches no package index")
    _must([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)], folder)
    _must([sys.executable, "-m", "venv", str(folder / "env")], folder)
    wheel = next(folder.glob("*.whl"))
    _must([_python(folder), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], folder)
    site = next((folder / "env").glob("lib/python*/site-packages"))
    (installed,) = distributions(name="strava_pipeline", path=[str(site)])
    for needed in _needed_by(installed):
        _link(needed, site)
    _must([_python(folder), "-m", "pip", "check"], folder)
    shutil.rmtree(source)
    for name in ("home", "temporary"):
        (folder / name).mkdir()
    return folder


def _needed_by(installed: Distribution) -> list[Distribution]:
    """Every distribution that one needs, and what those need, as far as it is needed on this machine."""
    found: dict[str, Distribution] = {}
    due = [(installed, "")]
    while due:
        each, extra = due.pop()
        for requirement in map(Requirement, each.requires or ()):
            name = canonicalize_name(requirement.name)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                if name not in found:
                    due.append((found.setdefault(name, distribution(name)), ""))
                due += [(found[name], wanted) for wanted in requirement.extras]
    return list(found.values())


def _link(needed: Distribution, site: Path) -> None:
    """Have the modules of an installed distribution in another environment, too."""
    for name in {file.parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
        if not (site / name).exists():
            (site / name).symlink_to(Path(str(needed.locate_file(name))).resolve())


@pytest.fixture
def away(installed: Path) -> Iterator[Path]:
    """An empty folder to work in; checks that nothing was written anywhere else."""
    site = next((installed / "env").glob("lib/python*/site-packages"))
    (site / "pyproject.toml").touch()  # careless packages leave one there; it makes no checkout of it
    before = _names(installed / "env"), {name: _names(ROOT / name) for name in KEPT}
    (installed / "away").mkdir()
    yield installed / "away"
    assert (_names(installed / "env"), {name: _names(ROOT / name) for name in KEPT}) == before
    assert _names(installed / "home") == set()


def test_the_wheel_works_where_there_is_no_checkout(installed: Path, away: Path) -> None:
    def typed(*words: str, **settings: str) -> str:
        return _must([str(installed / "env" / "bin" / "strava-pipeline"), *words], away, **settings).stdout

    where = _must([_python(installed), "-c", "import strava_pipeline as s; print(s.__file__)"], away).stdout
    assert Path(where.strip()).is_relative_to(installed / "env")
    assert "doctor" in typed("--help")
    told = typed("demo", "--activities", "15")
    assert "make " not in told
    assert f"{installed / 'env' / 'bin' / 'strava-pipeline'} dev --demo" in told
    kept = {"STRAVA_DATA_DIR": "demo/data", "STRAVA_SECRETS_DIR": "demo/secrets"}
    of_strava = "SELECT count(*) AS n FROM activities_all WHERE source = 'strava'"
    assert typed("sql", "--format", "csv", of_strava, **kept) == "n\n15\n"
    assert typed("sql", "--format", "csv", "SELECT count(DISTINCT source) AS n FROM activities_all", **kept) == "n\n5\n"
    assert "Details missing: 0" in typed("status", **kept)
    _must([_python(installed), "-c", LOAD], away)
    assert "--by-unit" in typed("service", "install", "--print")
    assert _names(away, deep=False) == {"demo"}
    typed("compact", **kept)
    assert _names(away, deep=False) == {"demo", "dagster_home", "logs"}
    looked = _run([str(installed / "env" / "bin" / "strava-pipeline"), "doctor"], away, **kept, STRAVA_BASE_URL=NOBODY)
    assert [line for line in looked.stdout.splitlines() if line.startswith("✗")] == [
        "✗ server                HEAD /: no answer from 127.0.0.1 (NewConnectionError)."
    ]


NOBODY = "http://127.0.0.1:9"


def _python(folder: Path) -> str:
    return str(folder / "env" / "bin" / "python")


def _must(command: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    done = _run(command, folder, **settings)
    assert done.returncode == 0, f"{' '.join(command[:4])}: {done.stdout}\n{done.stderr}"
    return done


def _run(command: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Without anything of ours in the environment, and with a home and a place for temporary files of its own."""
    ours = ("PYTHON", "STRAVA_", "DAGSTER_", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    top = folder if (folder / "home").exists() else folder.parent
    if (top / "home").exists():
        environment |= {
            "HOME": str(top / "home"),
            "TMPDIR": str(top / "temporary"),
            "XDG_CACHE_HOME": str(top / "home"),
        }
    return subprocess.run(
        command, cwd=folder, env=environment | settings, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def _names(folder: Path, *, deep: bool = True) -> set[str]:
    """What is in a folder; compiled modules aside."""
    found = folder.rglob("*") if deep else folder.glob("*")
    return {str(path.relative_to(folder)) for path in found if "__pycache__" not in path.parts}
