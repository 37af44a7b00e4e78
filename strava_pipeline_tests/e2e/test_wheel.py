"""The package as others install it: a wheel in an environment of its own, used in a folder that is no checkout.

On the Python that runs the tests, what the wheel declares that it needs is linked from this environment, and nothing else: no
tool of developers, and the extra of the dashboard only for the dashboard. On others, which are skipped where they are missing,
pip installs it. Needs pip to reach a package index: building asks for setuptools.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
import requests
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline_tests.e2e.dagster_dev import ROOT, until
from strava_pipeline_tests.ingest.intervals_icu.subject import running
from strava_pipeline_tests.processes import free_port

pytestmark = pytest.mark.slow

PATIENCE = 900  # seconds; building waits for a slow line
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = sorted({OURS, "3.11", "3.13"})  # the README says that two of them are tested: others than ours by `make soak`
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")
KEPT = ("data", "demo", "secrets", "logs", "dagster_home")


@dataclass(frozen=True, slots=True)
class Installed:
    """A folder with the wheel in an environment of its own, `env`, an empty home, and a folder to work in, `away`.

    `extra`: what the dashboard needs beside, unless it is in the environment.
    """

    folder: Path
    version: str

    @property
    def site(self) -> Path:
        return self.folder / "env" / "lib" / f"python{self.version}" / "site-packages"

    @property
    def python(self) -> str:
        return str(self.folder / "env" / "bin" / "python")

    @property
    def program(self) -> str:
        return str(self.folder / "env" / "bin" / "strava-pipeline")

    @property
    def away(self) -> Path:
        return self.folder / "away"

    @property
    def extra(self) -> Path:
        return self.folder / "extra"

    def typed(self, *words: str, **settings: str) -> str:
        """What a command prints to standard output; it ends with 0, and shows nobody's warning."""
        done = _must([self.program, *words], self.away, **settings)
        assert "Warning" not in done.stdout + done.stderr
        return done.stdout


def python_of(version: str) -> str | None:
    """A Python of this version, such as 3.13; None: this machine has none."""
    if version == OURS:
        return sys.executable
    name, pyenv = f"python{version}", Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [shutil.which(name), *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/{name}")))]
    works = (path for path in found if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0)
    return next(works, None)


@pytest.fixture(scope="module")
def wheel(shared_by_workers: Path) -> Path:
    """The wheel, built once for all Pythons."""
    with exclusive(shared_by_workers / "wheel.lock"):
        return next(shared_by_workers.glob("*.whl"), None) or _built(shared_by_workers)


@pytest.fixture(
    params=[each if each == OURS else pytest.param(each, marks=pytest.mark.soak(part="calendar")) for each in PYTHONS]
)
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path: Path) -> Installed:
    python = python_of(request.param)
    if python is None:
        pytest.skip(f"there is no Python {request.param} here")
    env = tmp_path / "env"
    _must([python, "-m", "venv", str(env)], tmp_path)
    pip = [str(env / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    own = Installed(tmp_path, request.param)
    own.extra.mkdir()
    if own.version == OURS:
        _must([*pip, "--no-deps", str(wheel)], tmp_path)
        (found,) = distributions(name="strava_pipeline", path=[str(own.site)])
        for extra, site in (("", own.site), ("dashboard", own.extra)):
            for needed in _needed_by(found, extra):
                _link(needed, site)
    else:
        _must([*pip, "-c", str(ROOT / "constraints.txt"), f"{wheel}[dashboard]"], tmp_path)
    _must([own.python, "-m", "pip", "check"], tmp_path)
    for name in ("home", "away"):
        (tmp_path / name).mkdir()
    return own


def _built(folder: Path) -> Path:
    """The wheel, built inside `folder`."""
    source = folder / "source"  # setuptools builds inside the folder it is given
    shutil.copytree(ROOT / "strava_pipeline", source / "strava_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCES:
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    asked = _run([*pip, "download", "--no-deps", "--dest", str(folder / "probe"), "setuptools>=77"], folder)
    if asked.returncode:
        pytest.skip("pip reaches no package index")
    _must([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)], folder)
    shutil.rmtree(source)
    return next(folder.glob("*.whl"))


def _needed_by(installed: Distribution, extra: str = "") -> list[Distribution]:
    """Every distribution that one with an extra needs, and what those need, as far as it is needed on this machine."""
    found: dict[str, Distribution] = {}
    due = [(installed, extra)]
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
def away(installed: Installed) -> Iterator[Path]:
    """The empty folder to work in; checks that nothing was written anywhere else."""
    (installed.site / "pyproject.toml").touch()  # careless packages leave one there; it makes no checkout of it
    before = _names(installed.folder / "env"), {name: _names(ROOT / name) for name in KEPT}
    yield installed.away
    assert _names(installed.folder / "home") == set()
    assert (_names(installed.folder / "env"), {name: _names(ROOT / name) for name in KEPT}) == before


@pytest.mark.dear
def test_the_wheel_works_where_there_is_no_checkout(installed: Installed, away: Path) -> None:
    static = installed.site / "strava_pipeline" / "serve" / "dashboard" / "static"
    assert (static / "ground" / "world.pmtiles").is_file()
    told = installed.typed("demo", "--activities", "15")
    assert "make " not in told
    assert f"{installed.program} dev --demo" in told
    starts(installed)
    if installed.version == OURS:
        looks(installed)
    serves(installed)


def looks(installed: Installed) -> None:
    """What reads the demo's data, or writes little, works; nothing is left beside the demo but what a first run makes."""
    typed, away = installed.typed, installed.away
    where = _must([installed.python, "-c", "import strava_pipeline as s; print(s.__file__)"], away).stdout
    assert Path(where.strip()).is_relative_to(installed.folder / "env")
    assert "doctor" in typed("--help")
    kept = {"STRAVA_DATA_DIR": "demo/data", "STRAVA_SECRETS_DIR": "demo/secrets"}
    of_strava = "SELECT count(*) AS n FROM activities_all WHERE source = 'strava'"
    assert typed("sql", "--format", "csv", of_strava, **kept) == "n\n15\n"
    assert typed("sql", "--format", "csv", "SELECT count(DISTINCT source) AS n FROM activities_all", **kept) == "n\n7\n"
    assert " km\n✓ year 2016" in typed("status", **kept), "no detail of the first year is missing"
    assert "--by-unit" in typed("service", "install", "--print")
    assert _names(away, deep=False) == {"demo"}
    typed("compact", **kept)
    assert _names(away, deep=False) == {"demo", "dagster_home", "logs"}
    looked = _run([installed.program, "doctor"], away, **kept, **APPLICATION)
    (problem,) = (line.split() for line in looked.stdout.splitlines() if line.startswith("✗"))
    assert problem[:3] == ["✗", "server", "HEAD"]


def starts(installed: Installed) -> None:
    """From an empty folder to the activities of a service, as the README says, by answers that are given."""
    empty = installed.folder / "empty"
    empty.mkdir()
    with running() as intervals:
        intervals.add("2025-07-01", "morning")
        url, athlete = intervals.settings["intervals_base_url"], intervals.service.athlete
        service = {"INTERVALS_BASE_URL": url, "INTERVALS_ATHLETE_ID": athlete, "INTERVALS_API_KEY": intervals.secret}
        answers = ["--service", "intervals_icu", "--archive", "", "--data-dir", ""]
        _must([installed.program, "start", *answers], empty, **service)
    query = [installed.program, "sql", "--format", "csv", "SELECT name FROM activities"]
    assert _must(query, empty).stdout == "name\nmorning\n"


def serves(installed: Installed) -> None:
    """The service and the dashboard answer, and each ends as it should. What `dev` starts, the service starts, too."""
    typed, port = installed.typed, str(free_port())
    address = f"127.0.0.1:{port}"
    assert f"UI: http://{address}" in typed("service", "up", "--port", port)
    try:
        assert _answer(f"http://{address}/server_info") == 200
    finally:
        assert typed("service", "down") == "Ended.\n"
    assert "Warning" not in (installed.away / "logs" / "service" / "service.log").read_text()
    settings = {"DASHBOARD_ADDRESS": address, "STRAVA_DATA_DIR": "demo/data", "PYTHONPATH": str(installed.extra)}
    log = installed.folder / "dashboard.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [installed.program, "dashboard"],
            cwd=installed.away, env=_environment(installed.away) | settings, stdout=out, stderr=out,
        )  # fmt: skip
        try:
            answer = until(
                lambda: _answer(f"http://{address}/login") or process.poll(), lambda found: found is not None
            )
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(PATIENCE)
    said = log.read_text()
    assert (answer, code, "Warning" in said, "Traceback" in said) == (200, 0, False, False), said


def _answer(url: str) -> int | None:
    """The status of the answer; None: nobody answers."""
    try:
        return requests.get(url, timeout=10).status_code
    except requests.RequestException:
        return None


APPLICATION = {"STRAVA_BASE_URL": "http://127.0.0.1:9", "STRAVA_CLIENT_ID": "1", "STRAVA_CLIENT_SECRET": "s" * 40}


def _must(command: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    done = _run(command, folder, **settings)
    assert done.returncode == 0, f"{' '.join(command[:4])}: {done.stdout}\n{done.stderr}"
    return done


def _run(command: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = _environment(folder) | settings
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)


def _environment(folder: Path) -> dict[str, str]:
    """Without anything of ours in the environment, and with a home of its own."""
    ours = ("PYTHON", "STRAVA_", "DAGSTER_", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    top = folder if (folder / "home").exists() else folder.parent
    if (top / "home").exists():
        home = str(top / "home")
        environment |= {"HOME": home, "XDG_CACHE_HOME": home}
    return environment


def _names(folder: Path, *, deep: bool = True) -> set[str]:
    """What is in a folder; compiled modules aside."""
    found = folder.rglob("*") if deep else folder.glob("*")
    return {str(path.relative_to(folder)) for path in found if "__pycache__" not in path.parts}
