"""What goes wrong with volumes and settings of a container: a sentence and an exit code, and nothing is lost.

Met here by a user without rights on what belongs to another; test_image.py meets the same as the image's user, in a container.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from strava_pipeline_tests.e2e.dagster_dev import ROOT
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import ran
from strava_pipeline_tests.rig import Rig, started

pytestmark = pytest.mark.slow

OTHER = 10001  # whose the folders are that this user may not write to
POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]  # root without its rights over others' files


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Volumes:
    """A rig whose folders belong to whoever runs the tests."""

    rig: Rig

    def typed(self, *words: str, **settings: str) -> Said:
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": str(ROOT),
            **self.rig.settings.environ(), **settings,
        }  # fmt: skip
        given = {name: value for name, value in environment.items() if value != "unset"}
        done = ran(*POWERLESS, sys.executable, "-m", "strava_pipeline", *words, cwd=self.rig.folder, env=given)
        return Said(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def volumes(tmp_path: Path) -> Iterator[Volumes]:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv (Debian: util-linux)")
    with started(tmp_path, activities=5) as rig:
        for name in ("data", "secrets", "logs", "dagster_home"):
            (tmp_path / name).mkdir(exist_ok=True)
        yield Volumes(rig)


@pytest.mark.dear
@pytest.mark.parametrize("name", ["data", "dagster_home"])
def test_a_volume_that_belongs_to_another_is_named_with_its_owner(volumes: Volumes, name: str) -> None:
    volume = volumes.rig.folder / name
    os.chown(volume, OTHER, OTHER)
    for words in (("flow",), ("service", "run", "--log-to-stdout", "--no-ui")):
        said = volumes.typed(*words)
        assert said.code == 1, said.text
        assert f"{volume} belongs to user {OTHER}, and this is user 0." in said.text
        assert "Traceback" not in said.text
    assert volumes.rig.calls()["total"] == 0


@pytest.mark.dear
def test_a_folder_inside_the_volume_that_belongs_to_another_costs_no_call(volumes: Volumes) -> None:
    lake = volumes.rig.lake
    lake.state.mkdir()
    _assert_no_call(volumes, "flow", lake.data_dir)
    said = volumes.typed("flow")
    assert said.code == 0, said.text
    volumes.rig.calls()
    _assert_no_call(volumes, "enrich-all", lake.details, *lake.details.glob("year=*"))


def _assert_no_call(volumes: Volumes, command: str, *paths: Path) -> None:
    """`command`, while `paths` belong to another user, says whose one of them is, and asks Strava for nothing."""
    for path in paths:
        os.chown(path, OTHER, OTHER)
    said = volumes.typed(command)
    assert (said.code, any(f"{path} belongs to user {OTHER}" in said.text for path in paths)) == (1, True), said.text
    assert volumes.rig.calls()["total"] == 0
    for path in paths:
        os.chown(path, 0, 0)


@pytest.mark.dear
def test_a_login_that_cannot_be_saved_is_neither_renewed_nor_replaced(volumes: Volumes) -> None:
    token = volumes.rig.settings.secrets_dir / "strava_token.json"
    login = json.loads(token.read_text()) | {"expires_at": 0, "expires_at_local": 0}
    token.write_text(json.dumps(login))
    token.with_name(f"{token.name}.lock").touch()  # of an earlier command
    token.parent.chmod(0o755)  # it can be read, as a folder that the engine made for root
    os.chown(token.parent, OTHER, OTHER)
    for words in (("flow",), ("auth", "--code", "a-code")):
        said = volumes.typed(*words)
        assert (said.code, f"The login can't be saved to {token}" in said.text) == (1, True), said.text
    calls = volumes.rig.calls()
    assert (calls["total"], calls["token"]) == (0, 0)


def test_a_login_is_kept_where_the_athlete_cannot_be_and_is_not_asked_for(volumes: Volumes) -> None:
    rig = volumes.rig
    rig.lake.state.mkdir()
    os.chown(rig.lake.data_dir, OTHER, OTHER)
    query = {
        "client_id": rig.emulator.state.config.client_id, "redirect_uri": "http://localhost/exchange_token",
        "response_type": "code", "scope": "read,activity:read_all", "state": "s",
    }  # fmt: skip
    page = requests.get(f"{rig.emulator.url}/oauth/authorize", query, allow_redirects=False, timeout=PATIENCE)
    said = volumes.typed("auth", "--code", page.headers["Location"])
    assert (said.code, f"{rig.lake.data_dir} belongs to user {OTHER}" in said.text) == (1, True), said.text
    assert "the login is kept in" in said.text
    calls = rig.calls()
    assert (calls["total"], calls["token"]) == (0, 1)


@pytest.mark.dear
def test_a_ledger_folder_that_belongs_to_another_ends_it_before_any_call(volumes: Volumes) -> None:
    folder = volumes.rig.settings.ledger_dir
    folder.mkdir()
    os.chown(folder, OTHER, OTHER)
    said = volumes.typed("flow")
    assert (said.code, "Traceback" in said.text) == (1, False), said.text
    for part in (str(folder), "can't be kept: Permission denied. No call is made without it.", "STRAVA_LEDGER_DIR"):
        assert part in said.text
    assert volumes.rig.calls()["total"] == 0


@pytest.mark.dear
def test_logs_that_belong_to_another_cost_no_run(volumes: Volumes) -> None:
    os.chown(volumes.rig.settings.logs_dir, OTHER, OTHER)
    said = volumes.typed("flow")
    assert (said.code, "Traceback" in said.text) == (0, False), said.text
    assert volumes.rig.one("SELECT count(*) FROM activities") == 5


@pytest.mark.dear
def test_a_login_that_cannot_be_read_is_named(volumes: Volumes) -> None:
    token = volumes.rig.settings.secrets_dir / "strava_token.json"
    os.chown(token, OTHER, OTHER)
    said = volumes.typed("flow")
    assert (said.code, str(token) in said.text, "Traceback" in said.text) == (1, True, False), said.text


@pytest.mark.dear
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
