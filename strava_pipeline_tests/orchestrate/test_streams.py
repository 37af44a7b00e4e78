"""The job `streams`: a call per recorded activity and none twice, whatever stops it; tracks as the source has them."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.calls import ATTEMPTS
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.lake.files import unpacked, unpacked_json
from strava_pipeline.lake.made.tracks import track_origins
from strava_pipeline.orchestrate.tags import LIMIT
from strava_pipeline.verbs.run_job import RunOutcome, run_job
from strava_pipeline_tests.contents import unpacked as parts_of
from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.orchestrate.test_interruptions import start
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.without_dagster import Done

pytestmark = pytest.mark.slow

STREAMS, TRACKS = "bronze_activity_streams", "tracks"
NUMBER = re.compile(rb"(?<![\d:.])\d{2,3}\.\d{5}")  # no time of day
NOT_FOUND = '{"message":"Resource Not Found","errors":[]}'


@pytest.fixture
def listed(make_rig: Make) -> Rig:
    """Gold with 10 activities of three years, one of them typed in, and no details; no call is counted yet."""
    rig = make_rig(activities=10, years=(2024, 2026), seed=7, settings={"first_year": 2024})
    rig.begin_with("refresh")
    return rig


def in_gold(rig: Rig) -> Rig:
    rig.do("run_all")
    rig.do("compact")
    rig.calls()
    return rig


def recorded(rig: Rig) -> list[int]:
    """What was recorded, newest first."""
    newest = sorted(rig.truth(), key=lambda item: (item["start_date"], item["id"]), reverse=True)
    return [item["id"] for item in newest if not item["manual"]]


def asked(rig: Rig) -> list[int]:
    """Whose streams were asked for since the last look, call by call; nothing else was."""
    calls = rig.calls(all_answered=True)
    found = [re.fullmatch(r"/api/v3/activities/(\d+)/streams\?.*", entry[2]) for entry in calls["log"]]
    assert None not in found
    assert len(found) == calls["total"]
    return [int(match[1]) for match in found if match]


def fetch(rig: Rig) -> Done:
    """Fetch streams without Dagster."""
    return rig.do("streams")


def run_streams(rig: Rig, **config: Any) -> RunOutcome:
    """The job in Dagster."""
    return rig.run("streams", **{STREAMS: config})


def reported(outcome: RunOutcome, *names: str) -> list[Any]:
    return [outcome.metadata[STREAMS][name] for name in names]


def source(rig: Rig) -> dict[int, dict[str, list[Any]]]:
    """What was recorded of each activity, at the source."""
    state = rig.emulator.state
    found = {row.id: row.source.streams() for row in state.store.existing(state.epoch)}
    return {key: streams for key, streams in found.items() if streams is not None}


def tracks(rig: Rig) -> pl.DataFrame:
    return pl.read_parquet(rig.lake.tracks / "**" / "*.parquet").sort("activity_id", "point")


@pytest.mark.dear
def test_each_recorded_activity_costs_one_call_newest_first_and_then_none(listed: Rig) -> None:
    first = run_streams(listed)
    assert asked(listed) == recorded(listed), "what was typed in is not asked for"
    assert reported(first, "received", "missing", "gone", "failed") == [9, 0, 0, 0]
    assert first.metadata[TRACKS]["tracks_written"] == 9
    again = run_streams(listed)
    assert asked(listed) == []
    assert (again.metadata[TRACKS]["tracks_written"], again.metadata[TRACKS]["tracks"]) == (0, 9)


@pytest.mark.dear
def test_bronze_is_what_came_byte_for_byte_in_the_folder_of_its_year(listed: Rig) -> None:
    fetch(listed)
    years = dict(listed.gold("SELECT id, year FROM activities"))
    files = sorted(listed.lake.streams.rglob("*.gz"))
    assert {int(path.parts[-2]): int(path.parts[-3].removeprefix("year=")) for path in files} == {
        key: years[key] for key in recorded(listed)
    }
    truth = source(listed)
    for path in files:
        held = unpacked_json(path)
        assert {key: stream["data"] for key, stream in held.items()} == truth[int(path.parent.name)]
        assert unpacked(path).startswith(b'{"')


@pytest.mark.dear
def test_a_cap_stops_it_and_the_next_run_goes_on(listed: Rig) -> None:
    ids = recorded(listed)
    first = run_streams(listed, max_calls=4)
    assert "--max-calls" in str(first.stopped_early)
    assert asked(listed) == ids[:4]
    assert reported(first, "received", "missing", "calls_still_to_make") == [4, 5, 5]
    assert first.metadata[TRACKS]["tracks_written"] == 4, "what came is made use of"
    (check,) = checks(listed, first.run_id)
    assert (check.passed, check.severity, check.metadata["missing"].value) == (False, dg.AssetCheckSeverity.WARN, 5)
    second = run_streams(listed)
    assert (asked(listed), second.stopped_early) == (ids[4:], None)
    (check,) = checks(listed, second.run_id)
    assert check.passed


def checks(rig: Rig, run_id: str) -> list[dg.AssetCheckEvaluation]:
    entries = rig.remembered.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event]
    return [check for check in found if check.check_name == "streams_complete"]


def test_killed_it_goes_on_without_repeating_a_call(make_rig: Make) -> None:
    rig = in_gold(make_rig(activities=30, years=(2026, 2026), latency=0.06, settings={"first_year": 2026}))
    process = start(rig, "streams", rig.lake.streams)
    process.kill()
    process.communicate(timeout=PATIENCE)
    on_disk = {int(path.parent.name) for path in rig.lake.streams.rglob("*.json.gz")}
    assert len(asked(rig)) <= len(on_disk) + 1, "at most the one in flight"
    assert 0 < len(on_disk) < len(recorded(rig))
    run_job(rig.settings, "streams", years=rig.years)
    assert asked(rig) == [key for key in recorded(rig) if key not in on_disk]
    assert set(tracks(rig)["activity_id"]) == set(recorded(rig))


@pytest.mark.dear
def test_only_the_years_that_are_told_are_asked_for(listed: Rig) -> None:
    listed.do("streams", [2024])
    of_2024 = {one["id"] for one in listed.truth() if one["start_date_local"].startswith("2024") and not one["manual"]}
    assert set(asked(listed)) == of_2024
    assert set(track_origins(listed.lake, 2024)) == of_2024


@pytest.mark.dear
def test_the_daily_run_keeps_its_calls(make_rig: Make) -> None:
    rig = make_rig(years=(2026, 2026), limits=Limits(900, 2000, 900, 24), settings={"first_year": 2026})
    in_gold(rig)
    outcome = run_streams(rig)
    assert outcome.stopped_early
    assert len(asked(rig)) == 24 - 2 - 2, "two for the listing before, a tenth for the daily run"
    run = rig.remembered.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.tags[LIMIT] == "day"
    rig.do("flow")
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}


@pytest.mark.dear
def test_a_404_of_one_that_was_not_typed_in_is_remembered_and_deletes_nothing(listed: Rig) -> None:
    unrecorded = listed.control("add", activity={"start_date": "2026-03-10T09:00:00Z"})["id"]
    in_gold(listed)
    first = fetch(listed)[STREAMS].fetched
    assert asked(listed)[0] == unrecorded
    assert (first.received, first.gone_ids, first.failed_ids) == (9, [unrecorded], [])
    (evidence,) = listed.lake.streams.glob(f"year=2026/{unrecorded}/*")
    assert evidence.name.endswith(".failed-404.gz")
    assert unpacked(evidence).decode() == NOT_FOUND
    listed.control("clock", advance=60 * 86_400)
    in_gold(listed)
    fetch(listed)
    assert asked(listed) == []
    assert listed.one(f"SELECT deleted_at IS NULL FROM activities_all WHERE id = {unrecorded}")


@pytest.mark.dear
def test_one_that_fails_leaves_evidence_rests_and_stops_no_other(make_rig: Make) -> None:
    rig = make_rig(activities=10, **QUICK)
    in_gold(rig)
    sick, *others = recorded(rig)
    rig.fault(f"/activities/{sick}/streams", "status", status=500, times=-1)
    report = fetch(rig)[STREAMS]
    assert asked(rig) == [sick] * ATTEMPTS + others
    assert (report.fetched.failed_ids, report.missing, report.waiting_for_retry) == ([sick], 0, 1)
    assert len(list(rig.lake.streams.glob(f"*/{sick}/*.failed-500.gz"))) == 1
    fetch(rig)
    assert asked(rig) == [], "it rests for a day"
    rig.clear_faults()
    rig.control("clock", advance=86_401)
    rig.do("run")  # its listing tells what time it is
    rig.calls()
    fetch(rig)
    assert asked(rig) == [sick]
    assert set(tracks(rig)["activity_id"]) == set(recorded(rig))


@pytest.mark.dear
def test_an_address_that_knows_nothing_of_strava_blames_no_activity(make_rig: Make) -> None:
    rig = make_rig(activities=10, **QUICK)
    in_gold(rig)
    rig.fault("/", "body", body="<html>not here</html>", status=404, times=-1)
    with pytest.raises(PipelineError):
        fetch(rig)
    assert not list(rig.lake.streams.rglob("*.gz"))
    rig.clear_faults()
    rig.calls()
    fetch(rig)
    assert asked(rig) == recorded(rig)


@pytest.mark.dear
def test_lost_tracks_are_made_again_without_a_call(listed: Rig) -> None:
    fetch(listed)
    before = tracks(listed)
    for path in listed.lake.tracks.rglob("*.parquet"):
        path.unlink()
    listed.calls()
    fetch(listed)
    assert asked(listed) == []
    assert tracks(listed).equals(before)


@pytest.mark.dear
def test_nothing_but_bronze_and_tracks_tells_where_anybody_was(listed: Rig) -> None:
    run_job(listed.settings, "streams", years=listed.years, config={STREAMS: {"max_calls": 4}})
    run_job(listed.settings, "streams", years=listed.years)
    places = {each for recording in source(listed).values() for point in recording.get("latlng", []) for each in point}
    latitudes = {f"{place:.6f}"[:-1].encode() for place in places if place > 20}  # what is smaller may be some seconds

    def tells(path: Path) -> bool:
        return any(not latitudes.isdisjoint(NUMBER.findall(part)) for part in parts_of(path))

    assert any(map(tells, listed.lake.tracks.rglob("*.parquet")))
    kept = [path for folder in (listed.settings.logs_dir, listed.settings.dagster_home) for path in folder.rglob("*")]
    files = [path for path in kept if path.is_file()]
    assert {".log", ".jsonl", ".db"} <= {path.suffix for path in files}
    assert list(filter(tells, files)) == []
