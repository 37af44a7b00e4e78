"""Which files with keys and passwords are read, and which are refused."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.private_files import NotPrivateError, read_private
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.garmin.keys import find_key
from strava_pipeline.serve.dashboard.certificate import check_certificate
from strava_pipeline.serve.dashboard.passwords import hashed, is_password
from strava_pipeline.trips.activity.reading.connect import trip_keys
from strava_pipeline_tests.ingest.tls import make_certificate

OWNER = 4242  # anybody but root
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.mark.parametrize(
    ("mode", "owner", "is_read"),
    [
        (0o600, OWNER, True),
        (0o400, OWNER, True),
        (0o640, OWNER, False),
        (0o620, OWNER, False),
        (0o604, OWNER, False),
        (0o644, OWNER, False),
        (0o600, 0, True),
        (0o640, 0, True),
        (0o660, 0, False),
        (0o644, 0, False),
    ],
)
@needs_root
def test_a_file_is_read_where_only_its_owner_can_or_a_group_that_root_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, is_read: bool
) -> None:
    folder = tmp_path / "of the owner"
    folder.mkdir()
    key, link = folder / "key", tmp_path / "link"
    key.write_text("k3y")
    key.chmod(mode)
    link.symlink_to(key)
    for path in (folder, key):
        os.chown(path, owner, -1)
    os.chown(tmp_path, owner, -1)
    for path in (key, link):
        if is_read:
            assert read_private(path) == b"k3y"
        else:
            with pytest.raises(NotPrivateError, match="chmod 600"):
                read_private(path)
    monkeypatch.setattr("strava_pipeline.environment.setting_sources.SECRETS", folder)
    assert read_private(link) == b"k3y", "where a container engine sets the modes"


def keys_file(folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "keys.json"
    path.write_text('{"keys": ["' + "A" * 43 + '="]}')
    return path, lambda: trip_keys(Settings(_env_file=None, trips_keys_file=path))


def garmins_file(folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "connect-personal-api-key"
    path.write_text("k3y")
    return path, lambda: find_key(Settings(_env_file=None, garmin_personal_api_key_file=path, secrets_dir=folder / "n"))


def dashboards_key(folder: Path) -> tuple[Path, Callable[[], object]]:
    certificate, path = make_certificate(folder, "own")
    settings = Settings(_env_file=None, dashboard_cert=certificate, dashboard_key=path)
    return path, lambda: check_certificate(settings, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize("made", [keys_file, garmins_file, dashboards_key])
def test_every_key_that_a_person_keeps_is_refused_where_others_can_read_it(
    tmp_path: Path, made: Callable[[Path], tuple[Path, Callable[[], object]]]
) -> None:
    path, read = made(tmp_path)
    path.chmod(0o644)
    with pytest.raises(PipelineError, match=f"{path} can be read by other users.*chmod 600"):
        read()
    assert path.stat().st_mode & 0o777 == 0o644, "the file is a person's"
    path.chmod(0o600)
    read()


@pytest.mark.slow
def test_the_password_that_this_program_keeps_is_closed_to_others(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, secrets_dir=tmp_path)
    settings.dashboard_password_file.write_text(json.dumps(hashed("a password")))
    settings.dashboard_password_file.chmod(0o644)
    assert is_password(settings, "a password")
    assert settings.dashboard_password_file.stat().st_mode & 0o777 == 0o600
