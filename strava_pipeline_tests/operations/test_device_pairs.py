"""Recordings of one effort: compared once, told once, and the heart rate that a rule prefers leads and goes again."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.files.recording import TRACK, Reading, RecordingSummary
from strava_pipeline.core.tables.pairs import PAIR_AGREEMENTS
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.fetch_selection import files_wanted_in
from strava_pipeline.lake.gold.measured import note_unmeasured
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.rules import check_rules
from strava_pipeline.lake.gold.rules_file import rules_of
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.imports.activities import SessionKeys
from strava_pipeline.lake.imports.files import put_reading, reading_of
from strava_pipeline.lake.made import recording_pairs
from strava_pipeline.lake.made.cut_tracks import counted_track, has_preferred_heart
from strava_pipeline.lake.made.device_changes import tell_changes
from strava_pipeline.lake.made.made_files import write_made
from strava_pipeline.lake.made.preferred_heart import preferred_heart
from strava_pipeline.lake.made.recording_pairs import compare_pairs, due_pairs, held_pairs
from strava_pipeline.lake.made.tracks import sync_file_tracks, track_path
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.devices import devices, pairs_of, recording_track, recordings_of
from strava_pipeline.lookups.track_points import TrackPoints
from strava_pipeline.operations import tracking
from strava_pipeline.operations.merging import publish_run
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.tracking import measure_what_was_said
from strava_pipeline_tests.core.pairs.planted import METRE, START, effort, recorded
from strava_pipeline_tests.lake.bronze import land_streams
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import served

COMPUTER, WATCH, COPY = 1, -2, -3
FOUND = {"activity_id": 1, "year": 2024}


def file(lake: Lake, name: str, points: pl.DataFrame, device: str, sensors: dict[str, str]) -> SessionKeys:
    """The reading of a file with these points; where they are."""
    digest = sha256(name.encode()).hexdigest()
    track = points.rename({"recorded_at": "at"}).select(*TRACK)
    summary = RecordingSummary(place=0, creator=device, sensors=sensors, points=track.height)
    put_reading(lake, digest, Reading(content=digest, format="fit", kind="activity", recordings=[summary]), [track])
    return ((digest, 0),)


def streams(lake: Lake, points: pl.DataFrame, at: datetime) -> None:
    """A service's streams of COMPUTER with these points."""
    series = {name: points[name].to_list() for name in ("heartrate", "watts")}
    series["time"] = points.select((pl.col("recorded_at") - START).dt.total_seconds()).to_series().to_list()
    series["latlng"] = points.select("latitude", "longitude").rows()
    body = json.dumps({name: {"data": values} for name, values in series.items()})
    land_streams(lake, 2024, COMPUTER, body.encode(), at)


@pytest.fixture
def kept(tmp_path: Path, new_lake: NewLake) -> tuple[Lake, dict[int, SessionKeys]]:
    """A run of an hour by a bike computer with a strap, a copy of it, and by a watch whose wrist reads 6 bpm more."""
    lake = new_lake(tmp_path / "data")
    return lake, met_twice(lake)


def met_twice(lake: Lake) -> dict[int, SessionKeys]:
    """What `kept` holds, in the lake; where the recordings are."""
    local = START.replace(tzinfo=None) + timedelta(hours=2)
    run = activity(COMPUTER, "2024-05-01T10:00", sport_type="Run", average_heartrate=999.0, suffer_score=50.0)
    others = [{**run, "id": one, "source": "file"} for one in (WATCH, COPY)]
    put(lake, [{**one, "start_date_local": local} for one in (run, *others)])
    members = [{"id": one, "activity_id": 1, "place": place} for place, one in enumerate((COMPUTER, COPY, WATCH))]
    put(lake, members, "activity_members")
    watch = recorded(effort(), 3, shift=5, heartrate=(6.0, 2.0, 1.0), watts=(0.0, 4.0, 1.05))
    found = {
        COMPUTER: file(lake, "computer", effort(), "Garmin Edge 530", {"heartrate": "polar h10"}),
        COPY: file(lake, "copy", effort().gather_every(2), "somebody's program", {}),
        WATCH: file(lake, "watch", watch, "Garmin Forerunner 935", {"heartrate": "wrist"}),
    }
    compared(lake, found)
    return found


def compared(lake: Lake, recorded_: dict[int, SessionKeys], year: int = 2024) -> int:
    """Compare what is due, as a run does; returns the number of activities."""
    with reading(lake) as connection:
        due = due_pairs(lake, connection, [year], recorded_)
    for each in due:
        compare_pairs(lake, each)
    return sum(len(each.stale) for each in due)


def rows(lake: Lake) -> dict[str, dict[str, Any]]:
    return {row["quantity"]: row for row in held_pairs(lake, 2024).iter_rows(named=True)}


def test_two_recordings_are_compared_by_their_sensors_and_a_copy_is_none(
    kept: tuple[Lake, dict[int, SessionKeys]],
) -> None:
    lake, _ = kept
    found = rows(lake)
    assert {(row["first_id"], row["second_id"]) for row in found.values()} <= {(COMPUTER, WATCH), (WATCH, COMPUTER)}
    heart = found["heartrate"]
    assert (heart["first_by"], heart["second_by"]) == ("Garmin Forerunner 935 (wrist)", "polar h10")
    assert (heart["first_id"], heart["shift_seconds"], heart["shift_by"]) == (WATCH, -5, "positions"), (
        "in the order of names"
    )
    assert heart["difference"] == pytest.approx(-6.0, abs=0.3)
    assert heart["spread"] == pytest.approx(2.0, abs=0.2)
    watts = found["watts"]
    assert (watts["first_by"], watts["second_by"]) == ("Garmin Edge 530", "Garmin Forerunner 935")
    assert watts["scale"] == pytest.approx(1.05, abs=0.02)
    assert watts["on_day"] == date(2024, 5, 1)


def test_only_what_changed_is_compared_again_and_what_is_gone_leaves(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    assert compared(lake, recorded_) == 0
    later = recorded_ | {
        WATCH: file(lake, "edited", recorded(effort(), 4, heartrate=(1.0, 2.0, 1.0)), "Garmin Forerunner 935", {})
    }
    assert compared(lake, later) == 1
    assert rows(lake)["heartrate"]["first_by"] == "Garmin Forerunner 935"
    assert compared(lake, {COMPUTER: recorded_[COMPUTER]}) == 0
    assert rows(lake) == {}


def test_the_file_of_what_a_service_has_twice_is_wanted_though_the_effort_has_a_track(
    tmp_path: Path, new_lake: NewLake
) -> None:
    lake = new_lake(tmp_path / "data")
    rows_ = [
        activity(one, "2024-05-01T10:00", source=source, source_id=str(one))
        for one, source in ((1, "garmin"), (2, "garmin"), (3, "toy"))
    ]
    put(lake, rows_)
    put(lake, [{"id": one, "activity_id": 1, "place": one - 1} for one in (1, 2, 3)], "activity_members")

    def wanted(source: str, *tracked: int) -> list[int]:
        with reading(lake) as connection:
            found = files_wanted_in(connection, lake, source, None, [2024], {*tracked})
        return [each.activity_id for each in found]

    assert wanted("garmin", 1) == [2], "two rows of one service are two devices"
    assert wanted("garmin", 1, 2) == []
    assert wanted("toy", 1) == [], "another service may have the same recording"


def test_what_can_not_be_read_yet_is_compared_later(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    later = recorded_ | {WATCH: ((sha256(b"later").hexdigest(), 0),)}
    assert compared(lake, later) == compared(lake, later) == 1
    assert rows(lake) == {}
    file(lake, "later", recorded(effort(), 3, heartrate=(6.0, 2.0, 1.0)), "Garmin Forerunner 935", {})
    assert (compared(lake, later), compared(lake, later)) == (1, 0)
    assert rows(lake)["heartrate"]["first_by"] == "Garmin Forerunner 935"


def test_what_was_compared_in_part_leaves_with_its_activity(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    compared(lake, recorded_ | {COPY: ((sha256(b"later").hexdigest(), 0),)})
    assert rows(lake).keys() >= {"heartrate", "watts"}, "the other two are compared"
    with writing(lake) as connection:
        connection.execute("DELETE FROM activity_members")
    compared(lake, recorded_, 2023)
    assert rows(lake) == {}


def test_an_activity_that_moved_to_another_year_leaves_its_old_one(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET year = 2023")
    compared(lake, recorded_, 2023)
    assert rows(lake) == {}
    assert held_pairs(lake, 2023).height > 0


def test_another_form_of_the_comparison_reaches_years_that_no_run_names(
    kept: tuple[Lake, dict[int, SessionKeys]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, recorded_ = kept
    assert compared(lake, recorded_, 2023) == 0
    monkeypatch.setattr(recording_pairs, "_FORM", "another")
    assert compared(lake, recorded_, 2023) == 1


def test_a_file_stands_for_streams_of_the_same_recording(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    streams(lake, effort(), START)
    compared(lake, {COPY: recorded_[COMPUTER], WATCH: recorded_[WATCH]})
    heart = rows(lake)["heartrate"]
    assert (heart["first_id"], heart["second_id"], heart["second_by"]) == (WATCH, COPY, "polar h10")


def test_both_recordings_are_laid_over_each_other_by_one_clock(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, _ = kept
    publish(lake)
    with snapshot(lake) as connection:
        ((first, second),) = {(row["first_id"], row["second_id"]) for row in recordings_of(connection, 1)}
        assert [(row["first_id"], row["second_id"]) for row in pairs_of(connection, 1)] == [(first, second)]
        sides = ("first", "second")
        shown = [recording_track(connection, lake, _found(), first, second, side) for side in sides]
        assert recording_track(connection, lake, _found(), second, first, "first") is None
        told = devices(connection)
    tracks = [each for each in shown if each is not None]
    assert [_time(each, 0) for each in tracks] == [0.0, 0.0]
    apart = [
        abs(one - other)
        for one, other in zip(*(each.columns["latitude"] for each in tracks), strict=False)
        if one and other
    ]
    assert median(apart) < 8 * METRE, "of 4 m; a second is 3 m of the way, and the clocks differ by 5"
    assert [pair.name for pair in told.pairs["heartrate"]] == ["Garmin Forerunner 935 (wrist) and polar h10"]
    assert told.errors == {}, "two devices don't say which of them is wrong"


def _found() -> Any:
    from strava_pipeline.lookups.activities import FoundActivity

    return FoundActivity(1, 2024)


def _time(points: TrackPoints, place: int) -> float | None:
    return points.columns["time"][place]


@pytest.mark.slow
def test_a_rule_takes_the_heart_rate_from_one_device_and_gives_it_back(
    kept: tuple[Lake, dict[int, SessionKeys]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, recorded_ = kept
    with writing(lake) as connection:
        sync_file_tracks(lake, connection, 2024, {1: recorded_[COMPUTER]}, {})
    assert seen(lake) == (20_000.0, 999.0, 50.0)
    lake.rules.write_text('[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = "Garmin Forerunner 935 (wrist)"\n')
    monkeypatch.setattr(tracking, "_AT_ONCE", 0)
    assert seen(lake)[1] == 999.0, "too many copies for a person to wait for: the next run makes them"
    assert counted_track(lake, 2024, 1) == track_path(lake, 2024, 1)
    monkeypatch.undo()
    distance, heartrate, effort_of_service = seen(lake)
    true = effort()["heartrate"].mean()
    assert isinstance(true, float)
    assert heartrate == pytest.approx(true + 6, abs=1)
    assert (distance, effort_of_service) == (20_000.0, None), (
        "the service's sum stays; its effort went by the other heart rate"
    )
    led = pl.read_parquet(counted_track(lake, 2024, 1))
    assert led["latitude"].to_list() == effort()["latitude"].to_list(), "only the heart rate is another's"
    assert (led["heartrate"] - effort()["heartrate"]).std() == pytest.approx(2, abs=0.2), "by the clock of the track"
    lake.rules.write_text('[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = "polar h10"\n')
    assert seen(lake) == (20_000.0, 999.0, 50.0), "it is the track's own"
    lake.rules.unlink()
    assert seen(lake) == (20_000.0, 999.0, 50.0)


@pytest.mark.slow
def test_a_device_is_believed_on_its_page_and_that_is_taken_back(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    with writing(lake) as connection:
        sync_file_tracks(lake, connection, 2024, {1: recorded_[COMPUTER]}, {})
    publish(lake)
    own = '# mine\n[[rule]]\nwhen.sport = "swim"\nthen.commute = true\n'
    lake.rules.write_text(own)
    settings = Settings.load(_env_file=None, data_dir=lake.data_dir, providers_config=lake.data_dir / "none.toml")

    def beats() -> float:
        with snapshot(lake) as connection:
            ((found,),) = connection.execute("SELECT average_heartrate FROM activities WHERE id = 1").fetchall()
            return float(found)

    with served(settings) as made:
        browser = made.browser()

        def say(device: str) -> tuple[int, str]:
            answer = browser.post("/devices/believe", data={"device": device})
            return answer.status_code, browser.get("/devices").text

        assert "Believe one" in browser.get("/devices").text
        assert say("nobody's")[0] == 404
        status, text = say("Garmin Forerunner 935 (wrist)")
        assert (status, "You believe <bdi>Garmin Forerunner 935 (wrist)" in text) == (303, True)
        assert beats() == pytest.approx(effort()["heartrate"].mean() + 6, abs=1)
        assert lake.rules.read_text().startswith(own)
        assert say("polar h10")[0] == 303
        assert (beats(), lake.rules.read_text().count("[[rule]]")) == (999.0, 2), "another one takes its place"
        lake.rules.write_text(own.replace("swim", "nothing"))
        assert (say("polar h10")[0], lake.rules.read_text()) == (503, own.replace("swim", "nothing"))
        lake.rules.write_text(f'{own}\n[[rule]]\nthen.heartrate_from = "Garmin Forerunner 935 (wrist)"\n')
        status, text = say("")
        assert (status, "You believe" in text, beats()) == (303, False, 999.0)
        assert lake.rules.read_text().strip() == own.strip()


@pytest.mark.slow
def test_a_run_in_which_nothing_came_follows_a_rule_and_its_end(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    with writing(lake) as connection:
        sync_file_tracks(lake, connection, 2024, {1: recorded_[COMPUTER]}, {})
    publish(lake)
    settings = Settings.load(_env_file=None, data_dir=lake.data_dir, providers_config=lake.data_dir / "none.toml")
    run = run_context(settings, LogProgress(logging.getLogger("run")))

    def published() -> tuple[Any, ...]:
        publish_run(run)
        with snapshot(lake) as connection:
            return connection.execute("SELECT average_heartrate, suffer_score FROM activities WHERE id = 1").fetchall()[
                0
            ]

    assert published() == (999.0, 50.0)
    lake.rules.write_text('[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = "Garmin Forerunner 935 (wrist)"\n')
    assert published() == (pytest.approx(effort()["heartrate"].mean() + 6, abs=1), None)
    lake.rules.unlink()
    assert published() == (999.0, 50.0)


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "leads"), [(200, False), (1500, False), (2400, True)])
def test_a_device_that_recorded_hardly_half_takes_no_heart_rate_away(
    kept: tuple[Lake, dict[int, SessionKeys]], seconds: int, leads: bool
) -> None:
    lake, recorded_ = kept
    watch = recorded(effort(), 3, shift=5, heartrate=(6.0, 2.0, 1.0)).head(seconds)
    recorded_ |= {WATCH: file(lake, "died", watch, "Garmin Forerunner 935", {"heartrate": "wrist"})}
    compared(lake, recorded_)
    with writing(lake) as connection:
        sync_file_tracks(lake, connection, 2024, {1: recorded_[COMPUTER]}, {})
    lake.rules.write_text('[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = " garmin forerunner 935 (WRIST)"\n')
    beats, sums = seen(lake)[1], seen(lake)
    assert (beats != 999.0, sums == seen(lake)) == (leads, True), "and at once, not in the run after"
    assert has_preferred_heart(lake, 2024, 1) == leads


@pytest.mark.slow
def test_a_track_without_a_heart_rate_gets_the_one_that_a_rule_prefers(
    kept: tuple[Lake, dict[int, SessionKeys]],
) -> None:
    lake, recorded_ = kept
    without = effort().with_columns(heartrate=pl.lit(None, pl.Float64))
    recorded_ = {COMPUTER: file(lake, "without", without, "Garmin Edge 530", {}), WATCH: recorded_[WATCH]}
    compared(lake, recorded_)
    with writing(lake) as connection:
        sync_file_tracks(lake, connection, 2024, {1: recorded_[COMPUTER]}, {})
    lake.rules.write_text('[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = "Garmin Forerunner 935 (wrist)"\n')
    assert seen(lake)[1] == pytest.approx(effort()["heartrate"].mean() + 6, abs=1)
    with snapshot(lake) as connection:
        assert "heartrate" not in {row["quantity"] for row in recordings_of(connection, 1)}, "nothing to compare"
        assert "heartrate" not in devices(connection).pairs


def test_of_two_streams_the_tracks_own_device_shifts_nothing() -> None:
    row = {"first_id": 1, "second_id": 2, "first_points": None, "second_points": None, "made_from": ""}
    row |= {
        "first_by": "watch",
        "second_by": "computer",
        "shift_seconds": 40,
        "difference": 1.0,
        "mean_difference": 1.0,
        "overlap_seconds": 3600,
        "first_dropouts": 0.0,
        "second_dropouts": 0.0,
    }
    of = {device: preferred_heart(2, "streams:x", [row | {"scale": None}], device) for device in ("watch", "computer")}
    assert (of["watch"] and of["watch"].id, of["computer"]) == (1, None)


def test_a_rule_that_names_a_device_in_any_case_is_checked_by_what_was_recorded(
    kept: tuple[Lake, dict[int, SessionKeys]],
) -> None:
    lake, _ = kept
    publish(lake)
    lake.rules.write_text(
        '[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = "Garmin Forerunner 935 (Wrist)"\n'
        '[[rule]]\nwhen.sport = "ride"\nthen.heartrate_from = "nobody\'s"\n'
    )
    with snapshot(lake) as connection:
        found = check_rules(connection, rules_of(lake))
    assert [each.changes for each in found.rules] == [{"heartrate_from": 1}, {}]
    assert found.unknown_devices == {2: "nobody's"}
    assert found.known_devices == ["Garmin Forerunner 935 (wrist)", "polar h10"]
    lake.rules.write_text('[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = "Polar H10"\n')
    with snapshot(lake) as connection:
        (effect,) = check_rules(connection, rules_of(lake)).rules
    assert (effect.matches, effect.changes) == (1, {}), "the track's own"


def test_a_program_that_wrote_a_file_is_no_device(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    digest, _ = recorded_[COMPUTER][0]
    said = reading_of(lake, digest)
    assert said is not None
    put_reading(
        lake, digest, said.model_copy(update={"format": "gpx"}), [effort().rename({"recorded_at": "at"}).select(*TRACK)]
    )
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET device_name = 'Wahoo BOLT' WHERE id = 1")
    compared(lake, recorded_)
    assert rows(lake)["watts"]["second_by"] == "Wahoo BOLT"


@pytest.mark.slow
def test_a_preferred_heart_rate_follows_what_its_service_says_anew(kept: tuple[Lake, dict[int, SessionKeys]]) -> None:
    lake, recorded_ = kept
    recorded_ = {COPY: recorded_[COMPUTER]}
    with writing(lake) as connection:
        sync_file_tracks(lake, connection, 2024, {1: recorded_[COPY]}, {})
    lake.rules.write_text('[[rule]]\nwhen.sport = "run"\nthen.heartrate_from = "without a name (strava)"\n')
    for day, more in enumerate((6.0, 20.0)):
        streams(lake, recorded(effort(), 3, heartrate=(more, 2.0, 1.0)), START + timedelta(days=day))
        assert compared(lake, recorded_) == 1
        assert seen(lake)[1] == pytest.approx(effort()["heartrate"].mean() + more, abs=1)


def seen(lake: Lake) -> tuple[Any, ...]:
    """Distance, heart rate and relative effort of the activity after a run."""
    publish(lake)
    with writing(lake) as connection:
        note_unmeasured(connection, [1])
    measure_what_was_said(lake)
    publish(lake)
    with snapshot(lake) as connection:
        query = "SELECT distance, average_heartrate, suffer_score FROM activities WHERE id = 1"
        return tuple(connection.execute(query).fetchall()[0])


def test_a_change_is_told_once_and_again_only_when_there_is_another(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    pairs(lake, [0.1 * (place % 3) for place in range(30)])
    now = datetime(2024, 9, 1, tzinfo=UTC)
    aged = new_lake(tmp_path / "aged")
    pairs(aged, [0.1 * (place % 3) + 6 * (place >= 20) for place in range(30)])
    told_of(aged, now + timedelta(days=365))
    assert notifications(aged) == [], "old news"
    told_of(lake, now)
    assert notifications(lake) == []
    drifting = [0.1 * (place % 3) + 6 * (place >= 20) for place in range(30)]
    for later in (0, 3):
        pairs(lake, [*drifting, *[6.0] * later])
        told_of(lake, now + timedelta(days=later))
    (told,) = notifications(lake)
    assert told.message.startswith("Heart rate, since 20 May 2024: b reads 6.")
    assert told.link == "/devices"


def test_what_changed_between_devices_of_somebody_else_is_not_told(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    pairs(lake, [0.1 * (place % 3) + 6 * (place >= 20) for place in range(30)], {"athlete_id": ME + 1})
    put(lake, [activity(100 + each, "2024-09-01T10:00") for each in range(40)])
    told_of(lake, datetime(2024, 9, 1, tzinfo=UTC))
    assert notifications(lake) == []


def told_of(lake: Lake, at: datetime) -> None:
    with reading(lake) as connection:
        tell_changes(lake, connection, at)


def pairs(lake: Lake, differences: list[float], of: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Two devices that met each week, with these differences of their heart rates."""
    with writing(lake) as connection:
        connection.execute("DELETE FROM activities_all")
    put(lake, [activity(each + 1, "2024-05-01T10:00", **of) for each in range(len(differences))])
    found = [
        {
            "activity_id": place + 1,
            "athlete_id": ME,
            "seconds": 3600,
            "on_day": date(2024, 1, 1) + timedelta(days=7 * place),
            "quantity": "heartrate",
        }
        | {
            "first_id": place,
            "second_id": -1 - place,
            "first_by": "a",
            "second_by": "b",
            "difference": apart,
            "spread": 2.0,
        }
        | {"first_dropouts": 0.0, "second_dropouts": 0.0}
        for place, apart in enumerate(differences)
    ]
    write_made(lake, PAIR_AGREEMENTS, 2024, pl.DataFrame(found, schema=PAIR_AGREEMENTS.polars_schema), {})
