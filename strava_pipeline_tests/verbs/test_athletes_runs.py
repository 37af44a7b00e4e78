"""Athletes with real runs: two of one application each get only theirs, and a folder of one becomes the first of several."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from strava_pipeline.environment.settings import Settings
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.local_server import Quiet, serving
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import Type
from strava_pipeline_tests.verbs.house import house
from strava_pipeline_tests.verbs.test_athletes_apart import contents
from strava_pipeline_tests.verbs.test_secrets import positions

__all__ = ["house"]

pytestmark = [pytest.mark.slow, pytest.mark.closed]
SHOWN_APART = {"x-ratelimit-limit", "x-ratelimit-usage", "x-readratelimit-limit", "x-readratelimit-usage"}


@contextmanager
def one_address(rigs: list[Rig]) -> Iterator[str]:
    """A Strava that knows the athletes of all rigs, by their tokens. It tells nobody how many calls were made."""

    class Front(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            shown = self.headers.get("Authorization", "") + body.decode()
            emulator = next(rig.emulator for rig in rigs if any(token in shown for token in rig.secrets[:2]))
            names = ("authorization", "accept", "content-type")
            asked = {name: value for name, value in self.headers.items() if name.lower() in names}
            answer = requests.request(
                self.command, emulator.url + self.path, headers=asked, data=body, timeout=PATIENCE
            )
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in {
                    *SHOWN_APART,
                    "content-length",
                    "content-encoding",
                    "transfer-encoding",
                    "connection",
                }:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET  # noqa: N815 - as the server calls it

    with serving(Front) as address:
        yield address


def marks(rig: Rig) -> set[str]:
    """What nobody but this athlete may have: tokens, ids, names with a number of theirs, positions."""
    truth = rig.truth()
    return {*rig.secrets[:2], str(truth[0]["athlete"]["id"]), *(str(one["id"]) for one in truth), *positions(rig)}


@pytest.mark.dear
def test_each_gets_only_theirs_and_one_ledger_counts_both(
    house: Path, make_rig: Make, type_in: Type, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="strava_pipeline")
    folders = {name: house / "athletes" / name for name in ("ada", "bob")}
    rigs: dict[str, Rig] = {}
    monkeypatch.chdir(house)
    for seed, (name, folder) in enumerate(folders.items(), start=7):
        assert type_in("athletes", "add", name).code == 0
        rigs[name] = make_rig(
            seed=seed,
            athlete_id=1_000_000 + seed,
            activities=5,
            years=(2026, 2026),
            settings={"secrets_dir": folder / "secrets"},
        )
    monkeypatch.chdir(house)
    theirs = {name: marks(rig) for name, rig in rigs.items()}
    assert theirs["ada"].isdisjoint(theirs["bob"])
    for rig in rigs.values():
        rig.calls()
    text = {}
    with one_address([*rigs.values()]) as url:
        config = rigs["ada"].emulator.state.config
        with (house / ".env").open("a") as file:
            file.write(f"STRAVA_BASE_URL={url}\nSTRAVA_CLIENT_ID={config.client_id}\nSTRAVA_FIRST_YEAR=2026\n")
            file.write(f"STRAVA_CLIENT_SECRET={config.client_secret}\n")
        for name in folders:
            before = len(caplog.text)
            said = type_in("flow", "--athlete", name)
            assert said.code == 0, said
            text[name] = said.out + said.err + caplog.text[before:] + type_in("status", "--athlete", name).out
        report = json.loads(type_in("athletes", "list", "--json").out)
        ledger = list((house.parent / "ledger").glob("strava-*.json"))
        facts = shown(type_in("status", "--json", "--athlete", "bob").out)
    limits = [fact["values"] for name, fact in facts.items() if "limit: " in name]
    made = {name: rig.calls()["total"] for name, rig in rigs.items()}
    assert len(ledger) == 1
    assert min(made.values()) > 5
    # the very first call was counted at this machine's date, and the emulator's is another
    assert {each["limit"] - each["left"] for each in limits} == {sum(made.values()) - 1}
    assert all(each["last_success_at"] and each["newest_activity_on"] for each in report["athletes"])
    for name, other in (("ada", "bob"), ("bob", "ada")):
        settings = Settings.load(_env_file=None, data_dir=folders[name] / "data")
        rows = rigs[name].gold("SELECT id FROM activities", Path(settings.data_dir) / "warehouse" / "strava.duckdb")
        assert {str(row) for (row,) in rows} == {str(one["id"]) for one in rigs[name].truth()}
        foreign = [mark.encode() for mark in theirs[other]]
        assert not [mark for mark in theirs[other] if mark in text[name]]
        assert not {path for path, content in contents(folders[name]) for mark in foreign if mark in content}
    shared = [path for path, held in contents(ledger[0].parent) for mark in theirs["ada"] if mark.encode() in held]
    assert shared == []


@pytest.mark.dear
def test_a_folder_of_today_becomes_the_first_athlete_without_a_change(
    house: Path, rig: Rig, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.begin_with("flow_backfill")
    (house / ".env").unlink()
    folder = rig.folder
    (folder / ".env").write_text(
        f"STRAVA_CLIENT_ID={rig.settings.client_id}\nSTRAVA_CLIENT_SECRET={rig.emulator.state.config.client_secret}\n"
        f"STRAVA_BASE_URL={rig.emulator.url}\nSTRAVA_LEDGER_DIR=ledger\nSTRAVA_FIRST_YEAR=2022\nSTRAVA_AUTOMATION=false\n"
        "DAGSTER_HOME=dagster_home\nATHLETES_DIR=athletes\n"
    )
    (folder / "goals.toml").write_text("[2026.ride]\ndistance_km = 7000\n")
    monkeypatch.chdir(folder)
    assert type_in("recompact").code == 0  # as it was used until now
    alone = {words: type_in(*words).out for words in LOOKS}
    kept = [path for path in folder.rglob("*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in kept}
    assert type_in("athletes", "add", "ada", "--here").code == 0
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in kept} == before
    assert (folder / "athletes" / "athletes.toml").read_text() == f'[ada]\nfolder = "{folder}"\n'
    monkeypatch.chdir(house)  # whoever is elsewhere names the house
    monkeypatch.setenv("ATHLETES_DIR", str(folder / "athletes"))
    assert {words: advised_alike(type_in(*words, "--athlete", "ada").out) for words in LOOKS} == alone
    assert type_in("recompact", "--athlete", "ada").code == 0
    monkeypatch.setattr(rig, "settings", rig.settings.model_copy(update={"dagster_home": folder / "dagster_home"}))
    with rig.instance() as instance:
        assert instance.get_runs_count() == 2, "its history goes on"
    assert type_in("athletes", "add", "bob").code == 0  # whose folder is in that of ada, in ATHLETES_DIR
    assert shown(type_in("status", "--json", "--athlete", "bob").out)["published"]["state"] == "skipped"


SQL = ("sql", "--format", "csv", "FROM activities")
LOOKS = (SQL, ("goals", "check"), ("matches", "list"), ("notifications", "list"))


def advised_alike(text: str) -> str:
    return text.replace(" --athlete ada", "")
