"""Strava's login on disk survives crashes, full disks and second processes, and is never shown."""

import json
import logging
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MissingSettingsError, NeedsLoginError, PipelineError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.login_file import LoginFile
from strava_pipeline.ingest.strava.oauth import StoredToken, token_store

ANSWER = {  # the shape of samples/strava/http/oauth/token_authorization_code.json
    "token_type": "Bearer",
    "expires_at": 1542940199,
    "expires_in": 21600,
    "refresh_token": "SECRET-refresh",
    "access_token": "SECRET-access",
    "athlete": {"id": 12342176, "username": "athlete"},
}


@pytest.fixture
def store(tmp_path: Path) -> LoginFile[StoredToken]:
    return token_store(Settings(_env_file=None, secrets_dir=tmp_path / "secrets"))


NAMES = ["strava_token.json", "strava_token.json.lock"]


def names_beside(store: LoginFile[StoredToken]) -> list[str]:
    return sorted(path.name for path in store.path.parent.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_saved_is_loaded_and_only_its_owner_can_read_it(store: LoginFile[StoredToken]) -> None:
    store.save(StoredToken({**ANSWER, "scope": "read", "athlete_id": 5, "unknown": [1]}))
    token = store.load()
    assert (token.access_token, token.refresh_token) == ("SECRET-access", "SECRET-refresh")
    assert token.expires_at == datetime.fromtimestamp(1542940199, UTC)
    assert (token.scope, token.athlete_id, token.raw["unknown"]) == ("read", 5, [1])
    assert (mode(store.path), mode(store.path.parent)) == (0o600, 0o700)
    assert json.loads(store.path.read_bytes())["token_type"] == "Bearer"
    assert names_beside(store) == NAMES


def test_an_open_folder_is_closed(store: LoginFile[StoredToken]) -> None:
    store.path.parent.mkdir(mode=0o755)
    store.save(StoredToken(ANSWER))
    assert mode(store.path.parent) == 0o700


def test_a_file_with_only_a_refresh_token_works(store: LoginFile[StoredToken]) -> None:
    store.path.parent.mkdir()
    store.path.write_text('{"refresh_token": "r"}')
    token = store.load()
    assert (token.refresh_token, token.access_token, token.expires_at) == ("r", "", None)
    assert (token.scope, token.athlete_id) == (None, None)


def test_the_athlete_is_known_from_stravas_answer_or_from_our_own_field() -> None:
    assert StoredToken(ANSWER).athlete_id == 12342176
    assert StoredToken({**ANSWER, "athlete_id": 7}).athlete_id == 7
    assert StoredToken({**ANSWER, "athlete_id": "7"}).athlete_id is None


def test_a_later_answer_wins_and_what_it_does_not_mention_stays() -> None:
    token = StoredToken({**ANSWER, "scope": "read"}).with_answer({"refresh_token": "new", "access_token": "newer"})
    assert (token.refresh_token, token.access_token) == ("new", "newer")
    assert (token.scope, token.athlete_id) == ("read", 12342176)


def test_no_login_yet_says_how_to_log_in(store: LoginFile[StoredToken]) -> None:
    with pytest.raises(MissingSettingsError, match=r"no login yet .*: run strava-pipeline auth"):
        store.load()


@pytest.mark.parametrize(
    "garbage",
    [
        *(b"", b"{", b"null", b"[]", b'"SECRET-x"', b"{}", b"\xff", b"[" * 100_000),
        *(b'{"refresh_token": ""}', b'{"refresh_token": 5}', b'{"refresh_token": "SECRET-with\\nbreak"}'),
        *('{"refresh_token": "SECRET-ü"}'.encode(), b'{"refresh_token": "SECRET-cut'),
    ],
    ids=lambda garbage: repr(garbage[:20]),
)
def test_garbage_names_the_file_and_not_its_content(store: LoginFile[StoredToken], garbage: bytes) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(garbage)
    with pytest.raises(
        NeedsLoginError, match=r"strava_token.json is not a login .* run strava-pipeline auth"
    ) as caught:
        store.load()
    assert "SECRET" not in str(caught.value)
    assert caught.value.__context__ is None
    assert store.path.read_bytes() == garbage, "what a person may still mend is left"


@pytest.mark.parametrize("expires_at", ["soon", True, -5, 10**12, None, [1]])
def test_an_odd_expiry_is_no_expiry(expires_at: object) -> None:
    assert StoredToken({**ANSWER, "expires_at": expires_at}).expires_at is None


def test_nothing_shows_a_token(store: LoginFile[StoredToken]) -> None:
    token = StoredToken(ANSWER)
    assert "SECRET" not in f"{token!r} {token} {store!r} {store} {[token]}"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_save_is_an_error_and_leaves_the_old_login_whole(
    store: LoginFile[StoredToken], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    store.save(StoredToken(ANSWER))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr(os if step == "fsync" else Path, step, full)
        with pytest.raises(PipelineError, match=r"can't be saved to .*No space left") as caught:
            store.save(StoredToken({**ANSWER, "refresh_token": "SECRET-new"}))
    assert "SECRET" not in str(caught.value) + caplog.text
    assert store.load().refresh_token == "SECRET-refresh"
    assert names_beside(store) == NAMES, "no temporary file is left"


def test_a_probe_tells_first_and_leaves_nothing(store: LoginFile[StoredToken], monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(StoredToken(ANSWER))
    before = store.path.stat()
    store.probe(StoredToken(ANSWER))
    assert store.path.stat() == before
    assert names_beside(store) == NAMES

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PipelineError, match="No space left"):
        store.probe(StoredToken(ANSWER))


def test_a_save_is_on_disk_before_the_old_goes(store: LoginFile[StoredToken], monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, replace = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        order.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        sync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        order.append("replace")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    store.save(StoredToken(ANSWER))
    assert order == ["sync file", "replace", "sync folder"]


def test_a_login_that_a_dead_process_was_saving_is_swept_away_by_the_next(store: LoginFile[StoredToken]) -> None:
    store.save(StoredToken(ANSWER))
    (store.path.parent / f".{store.path.name}.a1b2c3d4").write_text("SECRET-refresh of another day")
    store.save(StoredToken(ANSWER))
    assert names_beside(store) == NAMES


def test_nothing_is_saved_through_a_link(store: LoginFile[StoredToken], tmp_path: Path) -> None:
    store.path.parent.mkdir()
    store.path.symlink_to(tmp_path / "elsewhere.json")
    for save in (store.save, store.probe):
        with pytest.raises(
            PipelineError, match=r"strava_token.json, which is a link. Remove the link, and run strava-pip"
        ):
            save(StoredToken(ANSWER))
    assert not (tmp_path / "elsewhere.json").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_login_that_cannot_be_read_says_so(store: LoginFile[StoredToken]) -> None:
    store.save(StoredToken(ANSWER))
    store.path.chmod(0)
    with pytest.raises(NeedsLoginError, match="can't be read: Permission denied"):
        store.load()
