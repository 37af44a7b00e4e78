"""What goes wrong with volumes and settings of a container, met by its user (10001) on real folders: a sentence and an exit code."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from strava_pipeline_tests.e2e.dagster_dev import ROOT
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Rig, started

pytestmark = pytest.mark.slow

UID = 10001
FOLDERS = {
    "data": "STRAVA_DATA_DIR",
    "secrets": "STRAVA_SECRETS_DIR",
    "logs": "STRAVA_LOGS_DIR",
    "dagster_home": "DAGSTER_HOME",
}


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Volumes:
    """A rig whose folders belong to the image's user."""

    rig: Rig

    def typed(self, *words: str, **settings: str) -> Said:
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
            **self.rig.settings.environ(), **settings,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "strava_pipeline", *words], user=UID, group=UID, extra_groups=[],
            cwd=self.rig.folder, env={name: value for name, value in environment.items() if value != "unset"},
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def volumes() -> Iterator[Volumes]:
    if os.getuid() != 0:
        pytest.skip("only root can be another user for a while")
    folder = Path(tempfile.mkdtemp(prefix="strava-volumes-"))  # pytest's own is closed to others
    try:
        with started(folder, activities=5) as rig:
            for name in FOLDERS:
                (folder / name).mkdir(exist_ok=True)
            for path in (folder, *folder.rglob("*")):
                os.chown(path, UID, UID)
            yield Volumes(rig)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["data", "dagster_home"])
def test_a_volume_that_belongs_to_root_is_named_with_its_owner(volumes: Volumes, name: str) -> None:
    volume = volumes.rig.folder / name
    os.chown(volume, 0, 0)
    for words in (("flow",), ("service", "run", "--log-to-stdout", "--no-ui")):
        said = volumes.typed(*words)
        assert said.code == 1, said.text
        assert f"{volume} belongs to user 0, and this is user {UID}." in said.text
        assert "Traceback" not in said.text
    assert volumes.rig.calls()["total"] == 0


def test_logs_that_belong_to_root_cost_no_run(volumes: Volumes) -> None:
    os.chown(volumes.rig.settings.logs_dir, 0, 0)
    said = volumes.typed("flow")
    assert (said.code, "Traceback" in said.text) == (0, False), said.text
    assert volumes.rig.one("SELECT count(*) FROM activities") == 5


def test_a_login_that_cannot_be_read_is_named(volumes: Volumes) -> None:
    token = volumes.rig.settings.secrets_dir / "strava_token.json"
    os.chown(token, 0, 0)
    said = volumes.typed("flow")
    assert (said.code, str(token) in said.text, "Traceback" in said.text) == (1, True, False), said.text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"STRAVA_CLIENT_SECRET": "unset"}, "No Strava API application is set up: STRAVA_CLIENT_SECRET not set."),
        ({"STRAVA_TIMEZONE": "Europe/Londn"}, "STRAVA_TIMEZONE: 'Europe/Londn' is no time zone"),
    ],
    ids=["a missing secret", "a wrong time zone"],
)
def test_a_setting_that_is_missing_or_wrong_is_named(volumes: Volumes, settings: dict[str, str], sentence: str) -> None:
    said = volumes.typed("flow", **settings)
    assert (said.code, sentence in said.text) == (2, True), said.text


def test_postgresql_that_is_away_or_without_a_password_is_a_sentence_and_nothing_is_lost(volumes: Volumes) -> None:
    configuration = (ROOT / "deploy" / "postgres.dagster.yaml").read_text()
    (volumes.rig.settings.dagster_home / "dagster.yaml").write_text(configuration.replace("port: 5432", "port: 1"))
    said = volumes.typed("flow", DAGSTER_PG_HOST="127.0.0.1")
    assert (said.code, "takes DAGSTER_PG_PASSWORD from the environment" in said.text) == (1, True), said.text
    said = volumes.typed(
        "service", "run", "--log-to-stdout", "--no-ui", DAGSTER_PG_HOST="127.0.0.1", DAGSTER_PG_PASSWORD="s3cret"
    )
    assert (said.code, "Dagster's records can't be read or written" in said.text) == (1, True), said.text
    assert not [word for word in ("s3cret", "Traceback") if word in said.text]
    assert volumes.rig.calls()["total"] == 0
