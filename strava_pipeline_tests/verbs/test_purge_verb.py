"""`purge`: what it says would go, what goes, in what order, what is never touched, and that an interrupted one goes on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline.ingest.strava.access import ledger_path
from strava_pipeline.lake import purge
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.journal import Writer
from strava_pipeline.lake.locks import live_run, locked
from strava_pipeline.verbs.dagster_process import exclusive_instance
from strava_pipeline.verbs.purge import plan_purge
from strava_pipeline_tests.contents import unpacked
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.rig import NOW, Make, Rig, log_in
from strava_pipeline_tests.verbs.conftest import Type, Typed, TypeOn


@pytest.fixture
def kept(make_rig: Make) -> Rig:
    """A few activities through the whole pipeline, with details, logs, and what a person put beside them."""
    rig = make_rig(activities=4, years=(2026, 2026), settings={"first_year": 2026})
    rig.begin_with("flow_backfill")
    data, folder = rig.settings.data_dir, rig.folder
    (data / "README.md").write_text("Your data")
    (data / ".gitignore").write_text("*")
    rig.lake.inbox_files.mkdir(parents=True)
    (rig.lake.inbox_files / "ride.fit").write_bytes(b"only copy")
    (data / "inbox" / "webhooks").mkdir()
    (data / "inbox" / "webhooks" / "event.json").write_text("{}")
    (folder / "goals.toml").write_text("")
    (folder / "views").mkdir()
    rig.settings.dagster_home.mkdir(exist_ok=True)
    (folder / "views" / "mine.sql").write_text("SELECT 1")
    (folder / ".env").write_text("PER_PAGE=100\n")
    secrets = rig.settings.secrets_dir
    (secrets / "strava_subscription.json").write_text('{"id": 1}')
    (secrets / ".strava_token.json.half").write_text("{}")
    (secrets / "ca-bundle.pem").write_text("theirs")
    service = rig.settings.logs_dir / "service"
    service.mkdir()
    (service / "service.log").write_text("The service begins.\n")
    (service / "service.log.1").write_text("before\n")
    (service.parent / "house").mkdir()
    (service.parent / "house" / "flow.log").write_text("of a run that the house started\n")
    (rig.settings.logs_dir / "flow" / "mine.txt").write_text("not the pipeline's")
    rig.calls()
    return rig


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and link below, with its content; databases of Dagster's aside."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
        if "dagster_home" not in path.parts
    }


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def access_of(rig: Rig, token: str) -> int:
    """What Strava answers to it."""
    url = f"{rig.emulator.url}/api/v3/athlete"
    return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code


def token(rig: Rig) -> dict[str, Any]:
    return dict(json.loads((rig.settings.secrets_dir / "strava_token.json").read_text()))


def answering(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """A person at the terminal, who types that."""
    person = StringIO(said)
    person.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", person)


def test_a_dry_run_tells_what_would_go_and_touches_nothing(kept: Rig, type_on: TypeOn) -> None:
    before = tree(kept.folder)
    report = json.loads(type_on(kept)("purge", "--dry-run", "--json").out)
    said = type_on(kept)("purge", "--dry-run")
    assert tree(kept.folder) == before
    assert kept.calls()["log"] == []
    told = {Path(place["path"]): place for place in report["places"]}
    data = kept.settings.data_dir
    assert {path.name for path in told if path.parent == data} == {
        *("bronze", "activities", "warehouse", "contributions", "insights", "state", "inbox")
    }
    for path, place in told.items():
        if path.parent == data and path.name != "inbox":
            files = [one for one in path.rglob("*") if one.is_file()]
            assert (place["files"], place["bytes"]) == (len(files), sum(one.stat().st_size for one in files)), path
    assert told[kept.lake.inbox_files]["files"] == told[data / "inbox"]["files"] == 1
    assert told[kept.settings.logs_dir]["files"] == 5, "two of the run, two of the service, one of the house"
    assert (report["deleted"], report["access"], report["drop_folder_files"]) == (False, "held", 1)
    assert report["files"] == sum(place["files"] for place in told.values())
    assert {Path(one["path"]).name for one in report["stays"] if one["path"]} == {
        *("goals.toml", "views", ".env", "dagster_home", ledger_path(kept.settings).name)
    }
    assert "how many calls the API application has made" in said.out
    within = kept.settings.model_copy(update={"ledger_dir": kept.lake.state / "ledger"})
    within.ledger_dir.mkdir()
    ledger_path(within).touch()
    assert not [path for path, _ in plan_purge(within, keep_access=True).stays if path == ledger_path(within)], (
        "it goes with data"
    )
    assert "1 file of these you put into" in said.out


def test_all_of_it_goes_and_what_is_a_persons_own_stays(kept: Rig, type_on: TypeOn) -> None:
    login = token(kept)
    said = type_on(kept)("purge", "--yes")
    assert (said.code, said.err) == (0, "")
    assert "access: revoked" in said.out
    assert access_of(kept, login["access_token"]) == 401
    assert names(kept.settings.data_dir) == {"README.md", ".gitignore"}
    assert {path.name for path in kept.settings.data_dir.iterdir()} == {"README.md", ".gitignore"}
    assert names(kept.settings.secrets_dir) == {"ca-bundle.pem"}
    assert names(kept.settings.logs_dir) == {"flow/mine.txt"}
    assert {path.name for path in kept.folder.iterdir()} >= {"goals.toml", "views", ".env"}
    assert ledger_path(kept.settings).exists(), "which other data folders of the application need"
    assert not [secret for secret in (*login.values(), "emulator-secret") if str(secret) in said.out and secret]
    before = tree(kept.folder)
    again = type_on(kept)("purge", "--yes")
    assert (again.code, "Nothing is left" in again.out) == (0, True)
    assert tree(kept.folder) == before


def test_the_folder_works_like_a_new_one_afterwards(kept: Rig, type_on: TypeOn) -> None:
    typed = type_on(kept)
    assert typed("purge", "--yes").code == 0
    status = shown(typed("status", "--json").out)
    assert "no login yet" in status["strava login"]["text"]
    assert (status["strava pull"]["state"], status["published"]["state"]) == ("skipped", "skipped")
    findings = {one["name"]: one["state"] for one in json.loads(typed("doctor", "--json").out)["facts"]}
    wrong = {name for name, state in findings.items() if state in ("warning", "problem")}
    as_before = "folders: privacy"  # the rig makes its folders as earlier versions did
    assert wrong <= {"login", "clock", "dagster.yaml", as_before}
    assert typed("flow").code == 2
    log_in(kept)
    assert typed("flow-backfill").code == 0
    kept.assert_true_to_source()


def test_another_word_than_the_athletes_id_deletes_nothing(
    kept: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(kept.folder)
    for typed in ("", "\n", "yes\n", "y\n", "purge\n", "0\n"):
        answering(monkeypatch, typed)
        said = type_on(kept)("purge")
        assert (said.code, "Nothing was deleted" in said.err) == (1, True), typed
        assert tree(kept.folder) == before
    assert kept.calls()["log"] == []


def test_the_athletes_id_is_a_yes_and_the_word_where_it_is_not_known(
    kept: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    athlete = kept.emulator.state.athlete["id"]
    answering(monkeypatch, f"{athlete}\n")
    said = type_on(kept)("purge", "--json")
    assert json.loads(said.out)["athlete_id"] == athlete
    assert f"type the athlete's id ({athlete})" in said.err
    assert json.loads(said.out)["access"] == "revoked"
    assert names(kept.settings.data_dir) == {"README.md", ".gitignore"}
    (kept.settings.data_dir / "state").mkdir()
    answering(monkeypatch, "purge\n")
    assert type_on(kept)("purge").code == 0
    assert not (kept.settings.data_dir / "state").exists()


def test_without_a_terminal_and_without_a_yes_it_is_misuse(kept: Rig, type_on: TypeOn) -> None:
    before = tree(kept.folder)
    said = type_on(kept)("purge")
    assert (said.code, "purge --yes" in said.err) == (2, True)
    assert tree(kept.folder) == before


@contextmanager
def _daemon(rig: Rig) -> Iterator[None]:
    with exclusive_instance(rig.settings.dagster_home):
        yield


@contextmanager
def _writer(rig: Rig) -> Iterator[None]:
    writer = Writer(rig.settings.data_dir / "inbox" / "journal", most_waiting=1000)
    writer.append([b"event"], NOW)
    yield
    writer.close()


IN_THE_WAY: dict[str, tuple[Callable[[Rig], Any], str]] = {
    "a daemon": (_daemon, "Dagster runs on"),
    "a run": (lambda rig: live_run(rig.lake, "0123"), "run 0123"),
    "a lock": (lambda rig: locked(rig.lake, "flow", who="flow, run 77"), "flow, run 77"),
    "the warehouse": (lambda rig: locked(rig.lake, "warehouse"), "warehouse.lock"),
    "an intake": (_writer, "is writing"),
}


def test_it_is_refused_while_somebody_is_at_work(kept: Rig, type_on: TypeOn) -> None:
    typed = type_on(kept)
    for who, (hold, named) in IN_THE_WAY.items():
        with hold(kept):
            before = names(kept.folder)
            said = typed("purge", "--yes")
            assert (said.code, named in said.err, "Nothing was deleted" in said.err) == (1, True, True), who
            assert names(kept.folder) == before
    assert kept.calls()["log"] == []
    assert typed("purge", "--yes").code == 0


def test_who_comes_between_question_and_deletion_is_not_overrun(kept: Rig) -> None:
    with ThreadPoolExecutor(1) as other, purge.exclusive_use(kept.lake):
        assert other.submit(lambda: purge.who_is_at_work(kept.lake)).result() is not None


def test_where_strava_cannot_be_reached_nothing_goes_until_it_is_said_to(kept: Rig, type_on: TypeOn) -> None:
    typed, login = type_on(kept), token(kept)
    kept.fault("/oauth/revoke", "status", status=404, times=-1)
    before = names(kept.settings.data_dir)
    said = typed("purge", "--yes")
    assert (said.code, "purge --keep-access" in said.err) == (1, True)
    assert {name for name in names(kept.settings.data_dir) ^ before if "locks" not in name} == set()
    assert token(kept) == login
    said = typed("purge", "--yes", "--keep-access")
    assert (said.code, "still has access" in said.out) == (0, True)
    assert access_of(kept, login["access_token"]) == 200
    assert names(kept.settings.data_dir) == {"README.md", ".gitignore"}


def test_an_emulators_login_goes_to_no_other_host(kept: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, login = type_on(kept), token(kept)
    monkeypatch.setenv("STRAVA_BASE_URL", "https://192.0.2.1")
    said = typed("purge", "--yes")
    assert (said.code, "nothing was sent" in said.err) == (1, True)
    assert token(kept) == login


def test_a_login_that_was_taken_away_or_is_none_asks_strava_nothing(kept: Rig, type_on: TypeOn) -> None:
    typed = type_on(kept)
    (kept.lake.state / "revoked.json").write_text('{"at": "2026-03-09T05:00:00Z"}')
    said = json.loads(typed("purge", "--yes", "--json").out)
    assert (said["deleted"], said["access"]) == (True, "revoked before")
    assert not kept.settings.secrets_dir.joinpath("strava_token.json").exists()
    kept.lake.state.mkdir()
    said = json.loads(typed("purge", "--yes", "--json").out)
    assert (said["deleted"], said["access"]) == (True, "none")
    assert kept.calls()["log"] == []


def test_links_are_taken_away_and_what_they_lead_to_stays(kept: Rig, type_on: TypeOn) -> None:
    elsewhere, data = kept.folder / "elsewhere", kept.settings.data_dir
    elsewhere.mkdir()
    (elsewhere / "theirs.txt").write_text("theirs")
    shutil.move(data / "bronze", kept.folder / "big")
    (data / "bronze").symlink_to(kept.folder / "big")
    (data / "state" / "link").symlink_to(elsewhere)
    (data / "state" / "file").symlink_to(elsewhere / "theirs.txt")
    (data / ".purged").symlink_to(elsewhere)
    disk = kept.folder / "disk"
    data.rename(disk)
    data.symlink_to(disk)
    before = names(kept.folder / "big")
    told = json.loads(type_on(kept)("purge", "--dry-run", "--json").out)
    assert {one["path"] for one in told["stays"]} >= {str(kept.folder / "big"), str(elsewhere)}
    links = {Path(place["path"]).name: place["links"] for place in told["places"]}
    assert links["state"] == [str(data / "state" / "file"), str(data / "state" / "link")]
    assert type_on(kept)("purge", "--yes").code == 0
    assert data.is_symlink()
    assert {path.name for path in disk.iterdir()} == {"README.md", ".gitignore"}
    assert names(kept.folder / "big") == before
    assert names(elsewhere) == {"theirs.txt"}


def test_a_folder_that_holds_more_than_data_is_left_alone(
    kept: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = type_on(kept)
    before = names(kept.settings.data_dir)
    within = str(kept.settings.data_dir / "deep" / "within")
    folders = dict.fromkeys(("STRAVA_SECRETS_DIR", "STRAVA_LOGS_DIR", "DAGSTER_HOME", "HOME"), within)
    files = {"TRIPS_KEYS_FILE": within, "TRIPS_SOURCE": f"sqlite:///{within}"}
    for setting, value in (folders | files).items():
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv(setting, value)
            said = typed("purge", "--yes")
        assert (said.code, "holds more than data" in said.err) == (1, True), setting
        assert names(kept.settings.data_dir) == before


@pytest.mark.parametrize("name", ["trips.sqlite", "50%20km.sqlite"])
def test_a_source_of_trips_in_the_data_folder_is_found_as_those_who_open_it_find_it(
    kept: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = kept.settings.data_dir / name
    source.touch()
    # from the root, with three slashes
    monkeypatch.setenv("TRIPS_SOURCE", f"sqlite:///{str(source).removeprefix('/')}")
    said = type_on(kept)("purge", "--yes")
    assert (said.code, "holds more than data" in said.err, source.exists()) == (1, True, True)


def test_a_purge_that_could_not_delete_a_file_leaves_a_folder_that_works_and_goes_on(
    kept: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed, real = type_on(kept), os.unlink

    def failing(path: Any, *more: Any, **named: Any) -> None:
        if str(path).endswith(".parquet"):
            raise PermissionError(13, "Permission denied", str(path))
        real(path, *more, **named)

    with monkeypatch.context() as broken:
        broken.setattr(os, "unlink", failing)
        said = typed("purge", "--yes")
    assert (said.code, "strava-pipeline purge again" in said.err) == (1, True)
    assert {path.name for path in kept.settings.data_dir.iterdir()} == {"README.md", ".gitignore", ".purged"}
    assert (kept.settings.secrets_dir / "strava_token.json").exists(), "the login goes last"
    published = shown(typed("status", "--json").out)["published"]
    assert (published["state"], "`strava-pipeline purge`" in json.dumps(published)) == ("problem", True)
    kept.calls()
    flow = typed("flow")
    assert (flow.code, "strava-pipeline purge finishes it" in flow.err, kept.calls()["total"]) == (1, True, 0)
    found = {one["name"]: one for one in json.loads(typed("doctor", "--json").out)["facts"]}
    assert (found["purge"]["state"], found["purge"]["advice"]) == ("warning", "strava-pipeline purge")
    assert typed("purge", "--yes").code == 0
    assert names(kept.settings.data_dir) == {"README.md", ".gitignore"}
    assert names(kept.settings.secrets_dir) == {"ca-bundle.pem"}


@pytest.mark.parametrize("entries", range(1, 7))
def test_a_purge_killed_as_it_moved_things_leaves_what_works(kept: Rig, type_on: TypeOn, entries: int) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(kept.settings.data_dir), str(entries)], check=False)
    assert killed.returncode == -9
    assert len(list(kept.lake.purged.iterdir())) == entries
    left = {path.name for path in kept.settings.data_dir.iterdir() if path.is_dir()} - {".purged"}
    assert "bronze" in left or left <= {"state"}, "what is made of it goes first"
    assert "state" in left or not left
    typed = type_on(kept)
    said = typed("compact")
    assert said.code == 0, said.err
    if kept.lake.listings.exists():
        assert kept.one("SELECT count(*) FROM activities") == 4
    assert typed("purge", "--yes").code == 0
    assert names(kept.settings.data_dir) == {"README.md", ".gitignore"}


KILLED = """
import os, signal, sys
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purge import delete_data

left = int(sys.argv[2])
rename = os.rename
def counted(*what):
    global left
    rename(*what)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
os.rename = counted
delete_data(Lake(Path(sys.argv[1])))
"""


def test_what_is_seen_after_the_access_was_taken_away_and_that_auth_mends_it(kept: Rig, type_on: TypeOn) -> None:
    typed = type_on(kept)
    (kept.lake.state / "revoked.json").write_text('{"at": "2026-03-09T05:00:00Z"}')
    words = "took this application's access away on 2026-03-09"
    login = shown(typed("status", "--json").out)["strava login"]
    assert (login["state"], words in login["text"]) == ("problem", True)
    flow = typed("flow")
    assert (flow.code, words in flow.err) == (1, True)
    assert auth(kept, typed).code == 0
    assert shown(typed("status", "--json").out)["strava login"]["state"] == "ok"
    assert typed("flow").code == 0


def auth(rig: Rig, typed: Type) -> Typed:
    """Log in as a person does, with the address that Strava sends them to."""
    config = rig.emulator.state.config
    query = {"client_id": config.client_id, "redirect_uri": "http://localhost/exchange_token", "response_type": "code"}
    query |= {"scope": "read,activity:read_all,profile:read_all", "state": "s"}
    page = requests.get(f"{rig.emulator.url}/oauth/authorize", query, allow_redirects=False, timeout=10)
    return typed("auth", "--code", page.headers["Location"])


@pytest.mark.closed
def test_what_came_by_the_api_goes_alone(make_rig: Make, type_on: TypeOn) -> None:
    """The archive's rows are as in a folder that never had a login; nothing else that is kept was touched."""
    rig = make_rig(activities=4, years=(2026, 2026), settings={"first_year": 2026})
    rig.import_files(rig.archive("export.zip"))
    query = "SELECT COLUMNS(lambda c: c NOT IN ('edited_at', 'athlete_id')) FROM activities_all ORDER BY id"
    of_archive = rig.gold(query)
    rig.control("edit", id=rig.truth()[0]["id"], set={"name": "Told by nobody else"})
    rig.do("flow_backfill")
    assert "strava.duckdb" in files_with(rig, b"Told by nobody else")
    record_decisions(rig.lake, MatchDecision(at=NOW, by="matches split", id=1, other_id=2, joined=False))
    kept = [rig.lake.imports, rig.lake.files, rig.lake.decisions]
    before = [tree(folder) for folder in kept]
    held = token(rig)["access_token"]
    run = type_on(rig)("purge", "--api", "--yes")
    assert run.code == 0, run.err
    assert access_of(rig, held) == 401
    assert [tree(folder) for folder in kept] == before
    assert not any(path.exists() for path in rig.lake.of_api)
    assert rig.gold(query) == of_archive
    assert not files_with(rig, b"Told by nobody else")
    again = type_on(rig)("purge", "--api")
    assert "Nothing is left in" in again.out


def files_with(rig: Rig, text: bytes) -> set[str]:
    """The files of the data folder that hold a text, also where they are packed."""
    files = [path for path in rig.lake.data_dir.rglob("*") if path.is_file()]
    return {path.name for path in files if any(text in content for content in unpacked(path))}


@pytest.mark.parametrize("moves", range(4))
def test_an_interrupted_purge_of_the_api_goes_on(kept: Rig, moves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    move, left = purge._move_aside, [moves]

    def die(*args: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        move(*args)

    with monkeypatch.context() as patch:
        patch.setattr(purge, "_move_aside", die)
        with pytest.raises(KeyboardInterrupt):
            purge.delete_api_data(kept.lake)
    assert purge.purge_health(kept.lake).advice == "strava-pipeline purge --api"
    purge.delete_api_data(kept.lake)
    assert not any(path.exists() for path in (*kept.lake.of_api, *kept.lake.derived, kept.lake.purged_api))
    assert purge.purge_health(kept.lake).advice is None
