"""Somebody else's Dagster project with two athletes, examples/dagster, and the folders that these have. No assertions here."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strava_pipeline_tests.processes import ran
from strava_pipeline_tests.rig import Rig, started

EXAMPLE = Path(__file__).parent.parent / "examples" / "dagster"
NEEDED = ("STRAVA_CLIENT_ID", "STRAVA_CLIENT_SECRET", "STRAVA_BASE_URL", "STRAVA_LEDGER_DIR", "STRAVA_FIRST_YEAR")


@contextmanager
def athlete(folder: Path, number: int, **more: str) -> Iterator[Rig]:
    """An athlete at an emulator of their own, whose folder has a login and, in `.env`, their settings and `more`."""
    folder.mkdir(parents=True)
    with started(folder, seed=5 + number, athlete_id=101 + number, activities=20) as rig:
        values = rig.settings.environ()
        said = {name: values[name] for name in NEEDED} | more
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in said.items()))
        yield rig


def household(folder: Path) -> Path:
    """A copy of the example in `folder`, with a home of Dagster's beside it; the project's folder."""
    project = folder / "household"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return project


def environment(project: Path, athletes: Path) -> dict[str, str]:
    """The environment of programs of the project, without any setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRAVA_", "DAGSTER_"))}
    paths = os.pathsep.join([str(project / "src"), str(EXAMPLE.parent.parent)])
    home = {"DAGSTER_HOME": str(project.parent / "home"), "HOME": str(project.parent)}
    return {**kept, **home, "ATHLETES": str(athletes), "PYTHONPATH": paths}


def dg(project: Path, athletes: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Type Dagster's own command in the project."""
    command = str(Path(sys.executable).with_name("dg"))
    return ran(command, *words, cwd=project, env=environment(project, athletes))
