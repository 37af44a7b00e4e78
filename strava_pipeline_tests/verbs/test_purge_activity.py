"""`purge ACTIVITY`: every byte of one activity goes, from every source, nothing else does, and nothing brings it back."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.deliveries import Queued
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.tables import TABLES
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.lake import purge, purged_activities
from strava_pipeline.lake.bronze.deliveries import Queue, load_queue, save_queue
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.corrections import Edit
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.imports.activities import activities_of_import
from strava_pipeline.lake.imports.manifests import all_imports
from strava_pipeline.lake.journal import ROOM, Received, Writer, unread
from strava_pipeline.lake.notifications import notify
from strava_pipeline.operations import purging
from strava_pipeline.operations.bests import correct
from strava_pipeline.operations.changes.parties import comparing
from strava_pipeline.orchestrate.jobs import SOURCES_JOB
from strava_pipeline.verbs import purge as verb
from strava_pipeline_tests.ingest.archive.exports import SUMMARIES, garmin_item
from strava_pipeline_tests.ingest.archive.made import unpacked
from strava_pipeline_tests.ingest.files.made import BEGAN, activity, tcx, tcx_lap, trackpoint
from strava_pipeline_tests.operations.test_retention import dying_after
from strava_pipeline_tests.providers.subjects import GPX, ToySubject, toy
from strava_pipeline_tests.rig import NOW, Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn
from strava_pipeline_tests.verbs.test_purge_verb import files_with, tree

NAME, PLACE = "A ride to forget", "48.1234"
DAY = "2026-02-01"
OF = {"owner_id": 1, "subscription_id": 1, "event_time": int(NOW.timestamp())}  # every event of Strava's


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToySubject]:
    with toy(monkeypatch) as found:
        monkeypatch.setattr(ServerClock, "sleep", lambda _, seconds: found.clock.advance(max(seconds, 0.0)))
        yield found


@pytest.fixture
def rig(make_rig: Make, service: ToySubject, tmp_path: Path) -> Rig:
    """Four rides of Strava, one of the toy; and one that both have, an archive of Strava's and a file."""
    (tmp_path / "providers.toml").write_text("[providers.toy]\nenabled = true\n")
    config = {"first_year": 2026, "providers_config": tmp_path / "providers.toml"}
    rig: Rig = make_rig(activities=4, years=(2026, 2026), settings=config)
    service.log_in(rig.settings)
    key = rig.add(f"{DAY}T06:00:00+00:00", "Ride")
    told = {"name": NAME, "elapsed_time": 600, "moving_time": 540, "distance": 2224.0}
    rig.control("edit", id=key, set=told)
    ride = {"metres": 2224.0, "seconds": 600, "moving": 540}
    service.toy.add("kept", "2026-02-03T07:00:00+01:00", **ride)
    service.toy.add("gone", f"{DAY}T07:00:00+01:00", title=NAME, strava=key, **ride)
    service.toy.files["gone"] = GPX.format(DAY).replace("51.50", PLACE).encode()
    given = tmp_path / "given"
    given.mkdir()
    (given / f"{NAME}.gpx").write_text(GPX.format(DAY).replace("51.50", PLACE).replace("51.52", "48.13"))
    (given / "other.gpx").write_text(GPX.format("2026-02-05"))
    rig.run(SOURCES_JOB, [2026])
    rig.import_files(rig.archive("export.zip"))
    rig.import_files(given)
    of_file = rig.one("SELECT id FROM activities_all WHERE source = 'file' AND start_date::DATE = '2026-02-01'")
    record_decisions(rig.lake, MatchDecision(at=NOW, by="a test", id=key, other_id=of_file, joined=True))
    rig.do("flow", [2026])
    correct(rig.settings, [key], Edit({"note": f"{NAME}, please", "deleted": True}), "a test")
    return rig


def key_of(rig: Rig) -> int:
    return int(next(each["id"] for each in rig.truth() if each["name"] == NAME))


def others(rig: Rig, ids: list[int]) -> dict[str, list[Any]]:
    """All rows about other activities than these, in every table of activities."""
    keys = {name: TABLES[name].key[0] for name in TABLES if name.startswith("activity_") or name.endswith("_all")}
    of = {
        name: f"FROM {TABLES[name].stored} WHERE {key} NOT IN {tuple(ids)} ORDER BY ALL" for name, key in keys.items()
    }
    return rig.golds({name: f"SELECT * {rows}" for name, rows in of.items()})


def left_of(rig: Rig, told: list[str]) -> set[str]:
    return {name for text in told for name in files_with(rig, text.encode())} - {"expired.jsonl"}


def came(rig: Rig, key: int) -> None:
    """What tells of an activity until a run or a person has read it: an event, the queue of events, a notification."""
    event = {"object_type": "activity", "object_id": key, "aspect_type": "update", "updates": {"title": f"{key}"}, **OF}
    writer = Writer(rig.lake.inbox_webhooks, most_waiting=ROOM)
    writer.append([Received.line(json.dumps(event).encode(), NOW)], NOW)
    queue = load_queue(rig.lake, "strava") or Queue()
    waiting = queue.waiting | {str(key): Queued(at=NOW)}
    save_queue(rig.lake, "strava", queue.model_copy(update={"waiting": waiting}))
    notify(rig.lake, "warning", f"Activity {key} waits.", NOW, link=f"/activities/{key}")


@pytest.mark.closed
def test_all_of_one_activity_goes_nothing_else_does_and_it_never_comes_back(
    rig: Rig, service: ToySubject, type_on: TypeOn
) -> None:
    key, typed, data = key_of(rig), type_on(rig), rig.lake.data_dir
    told = [NAME, PLACE, str(key), *map(str, next(each for each in rig.truth() if each["id"] == key)["start_latlng"])]
    other = next(each["id"] for each in rig.truth() if each["id"] != key)
    for one in (key, other):
        came(rig, one)
    holding = {
        "corrections.jsonl",
        "matches.jsonl",
        "manifest.json",
        "strava.duckdb",
        "notifications.jsonl",
        "webhooks.json",
    }
    assert holding <= left_of(rig, told)
    before = tree(data)
    plan = json.loads(typed("purge", str(key), "--dry-run", "--json").out)
    assert {each["source"]: each["held"] for each in plan["sources"]} == {
        "strava": "1 listing page, detail",
        "strava_archive": "1 import",
        "file": "1 import",
        "toy": "1 listing page, file",
    }
    assert (typed("purge", str(key)).code, typed("purge", "1", "--yes").code) == (2, 2), "nobody is there; no such id"
    assert tree(data) == before
    ids = [each["id"] for each in plan["sources"]]
    held = others(rig, ids)
    rig.calls()
    asked = len(service.journal.log)
    done = json.loads(typed("purge", str(hashed_id("toy", "gone")), "--yes", "--json").out)
    assert (done["deleted"], done["sources"]) == (True, plan["sources"])
    assert (rig.calls()["log"], len(service.journal.log)) == ([], asked), "services are not asked"
    assert (left_of(rig, told), others(rig, ids)) == (set(), held)
    assert left_of(rig, [str(other)]) >= {"notifications.jsonl", "webhooks.json"}, "what came of another one waits"
    (event,) = (line.content for line in unread(rig.lake.inbox_webhooks, {}))
    assert str(other).encode() in event
    with reading(rig.lake) as connection:
        parties = comparing(rig.settings, NOW).parties(connection, ["2026-02"])
    assert {party.name: party.months for party in parties} == {"strava": {"2026-02"}, "toy": {"2026-02"}}, "no limit"
    rig.control("edit", id=key, set={"description": "once more"})
    rig.run(SOURCES_JOB, [2026])
    for path in (rig.folder / "export.zip", rig.folder / "given", rig.archive("newer.zip")):
        rig.import_files(path)
    again = typed("import", str(rig.folder / "given" / f"{NAME}.gpx"))
    assert (again.code, "1 of purged activities stay out" in again.out) == (0, True)
    rig.do("rebuild")
    assert not left_of(rig, told)
    assert rig.gold("SELECT id FROM activities_all ORDER BY ALL") == [row[:1] for row in held["activities_all"]]
    assert "Nothing is left" in typed("purge", str(key), "--yes").out


STEPS = ((purging, "record_decisions"), (purged_activities, "answer_folders"), (purged_activities, "store_durably"))
STEPS += ((purged_activities, "rewrite_without"), (purge, "_move_aside"), (verb, "_build_again"))


@pytest.mark.closed
def test_wherever_it_is_killed_the_same_command_ends_it(
    rig: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, typed, data = key_of(rig), type_on(rig), rig.lake.data_dir
    told = [NAME, PLACE, str(key)]
    ids = [each["id"] for each in json.loads(typed("purge", str(key), "--dry-run", "--json").out)["sources"]]
    held = others(rig, ids)
    shutil.copytree(data, rig.folder / "before", symlinks=True)
    for module, step in STEPS:
        shutil.rmtree(data)
        shutil.copytree(rig.folder / "before", data, symlinks=True)
        with monkeypatch.context() as patch:
            patch.setattr(module, step, dying_after(getattr(module, step)))
            assert typed("purge", str(key), "--yes").code == 130, step
        said = typed("purge", str(key), "--yes")
        assert (said.code, left_of(rig, told), others(rig, ids)) == (0, set(), held), (step, said.err)
        assert purge.purge_health(rig.lake).advice is None


@pytest.mark.closed
def test_what_can_not_be_taken_apart_is_named_and_goes_with_it(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(logged_in=False)
    items = [garmin_item(day, BEGAN - timedelta(days=day)) for day in (1, 9)]
    unpacked(rig.folder / "garmin", {SUMMARIES: json.dumps([{"summarizedActivitiesExport": items}]).encode()})
    legs = (activity(tcx_lap(at, 300, 900, trackpoint(at), trackpoint(at + 300))) for at in (0, 600))
    (rig.folder / "race.tcx").write_text(tcx(*legs))
    objects = [{"id": key, "name": NAME, "start_date": f"2026-01-0{key}T06:00:00Z", "type": "Run"} for key in (1, 2)]
    (rig.folder / "kept.json").write_text(json.dumps(objects))
    (rig.folder / "other.gpx").write_text(GPX.format("2026-02-05"))
    whole = {"garmin": SUMMARIES, "race.tcx": "race.tcx", "kept.json": "kept.json"}
    for given in (*whole, "other.gpx"):
        rig.import_files(rig.folder / given)
    typed, left = type_on(rig), 7
    for given, name in whole.items():
        import_ = next(each for each in all_imports(rig.lake) if each.manifest.came_as == given)
        key = next(
            each["id"]
            for part in activities_of_import(rig.lake, import_.name)
            for _, page in part.listing.pages()
            for each in page
        )
        said = typed("purge", str(key), "--dry-run")
        assert "can't be taken apart" in said.out + said.err
        ended = typed("purge", str(key), "--yes", "--json")
        assert ended.code == 0, ended.err
        done = json.loads(ended.out)
        assert done["goes_whole"] == [{"name": name, "import": import_.name, "others": 1}]
        left -= 2
        assert rig.one("SELECT count(*) FROM activities_all") == left
        rig.import_files(rig.folder / given)
        assert rig.one("SELECT count(*) FROM activities_all") == left
    assert not left_of(rig, [NAME])
