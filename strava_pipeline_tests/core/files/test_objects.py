"""Rows of archives and sessions of files in the shapes of Strava's API: nothing is lost or corrected; and the ids they get."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.core.activities import FetchedDetail, detail_frames, summary_frame
from strava_pipeline.core.files.archive_csv import ArchiveRow
from strava_pipeline.core.files.export_columns import export_columns
from strava_pipeline.core.files.objects import (
    Holders,
    Identity,
    Numbering,
    hashed_id,
    named_athlete_id,
    recording_object,
    row_id,
    row_object,
    summary_and_detail,
)
from strava_pipeline.core.rows import Json
from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS, Table
from strava_pipeline.core.years import YearRange
from strava_pipeline_tests.core.fidelity import differences
from strava_pipeline_tests.core.files.builders import BEGAN, full_row, session

YEARS = YearRange(2020, 2026)
FILE = {"name": "987654321.fit.gz", "sha256": "aa"}


def rows_of(whole: Json) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, list[dict[str, Any]]]]:
    """The rows that gold has of an object: its activity, its detail, and what that nests."""
    summary, detail = summary_and_detail(whole)
    frame, _ = summary_frame([summary], years=YEARS, ingestion_ts=BEGAN, athlete_id=7, source="file")
    if detail is None:
        return frame.row(0, named=True), None, {}
    frames, _ = detail_frames([FetchedDetail(BEGAN, detail)], athlete_id=7, source="file")
    nested = {name: each.to_dicts() for name, each in frames.items() if name != ACTIVITY_DETAILS.name and each.height}
    return frame.row(0, named=True), frames[ACTIVITY_DETAILS.name].row(0, named=True), nested


def leaves(value: Any) -> Iterator[Any]:
    """Every value that something made of dicts and lists holds."""
    if isinstance(value, dict):
        for below in value.values():
            yield from leaves(below)
    elif isinstance(value, list | tuple | set | frozenset):
        for below in value:
            yield from leaves(below)
    elif value is not None:
        yield value


def held(row: dict[str, Any], table: Table) -> set[str]:
    """Every value of a row, those in `extra` among them, as text: 5 and 5.0 are the same."""
    found = []
    for column in table.columns:
        value = row[column.name]
        is_json = column.name == "extra" or (isinstance(value, str) and value[:1] in "[{")
        found += list(leaves(json.loads(value) if is_json and value else value))
    return {as_text(value) for value in found}


def as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return repr(f"{value:%Y-%m-%dT%H:%M:%SZ}")
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(str(value))


# --- ids


@given(st.text(), st.text())
def test_an_id_of_ours_is_negative_and_fits_63_bits(source: str, source_id: str) -> None:
    assert -(2**63) < hashed_id(source, source_id) < 0


def test_an_id_stays_the_same_for_ever() -> None:
    """Literally: gold is made of these, and bronze is read with them after every update."""
    assert hashed_id("file", "abc:0") == -9072629553780065646
    assert len({hashed_id("file", "abc:0"), hashed_id("file", "abc:1"), hashed_id("running_page", "abc:0")}) == 3
    assert hashed_id("file", "half a pair \ud800") < 0
    row = ArchiveRow(1, name="Lunch", filename="activities/7.fit.gz", started_at=datetime(2020, 1, 2, 3, tzinfo=UTC))
    assert row_id(row) == row_id(replace(row, line=9)) == -8815975208952394436
    assert row_id(replace(row, activity_id=5)) == 5
    assert (
        len({row_id(replace(row, **other)) for other in ({}, {"name": "L"}, {"filename": None}, {"started_at": None})})
        == 4
    )


# --- a row of an archive


def test_every_column_that_archives_ever_had_is_read_from_the_row() -> None:
    row = full_row()
    assert row.extra == {"A column of tomorrow": "as it is"}
    fields = {column.field for column in export_columns()}
    own = {"id", "name", "description", "sport_type", "start_date", "filename", "media", "gear_name", "bike", "shoes"}
    assert fields - own - row.summary.keys() == {
        "elapsed_time_shown", "distance_shown", "max_heartrate_shown", "suffer_score_shown", "commute_shown"
    }, "the display block only repeats the raw one"  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        full_row(),
        full_row(filename=""),
        full_row(filename="#error#"),
        full_row(bike="", shoes="17"),
        full_row(bike="", shoes=""),
        full_row(elapsed_time="", distance="", commute=""),
        full_row(distance="not a number", start_date="one day"),
        full_row(sport_type="Trottinette"),
    ],
    ids=["full", "by hand", "not exported", "shoes", "no gear id", "from display", "unreadable", "unknown sport"],
)
@pytest.mark.parametrize(
    "recordings", [[], [session(utc_offset_s=7200.0, timezone="Europe/Paris", name="by the watch")]]
)
def test_nothing_of_a_row_is_lost(row: ArchiveRow, recordings: list[Any]) -> None:
    whole = row_object(row, row.activity_id or 5, recordings, FILE)
    listed, detail, _ = rows_of(whole)
    assert detail is not None
    wanted = {
        as_text(value)
        for value in leaves(
            [dict(row.summary), dict(row.extra), row.media, row.gear_name, row.gear_id, row.description, FILE]
        )
    }
    in_detail = held(detail, ACTIVITY_DETAILS)
    assert wanted - in_detail == set()
    without = {
        as_text(row.summary.get(name)) for name in ("description", "private_note", "calories", "perceived_exertion")
    }
    without.add(as_text(row.summary.get("prefer_perceived_exertion")))
    assert wanted - without - held(listed, ACTIVITIES_ALL) == set()


@pytest.mark.parametrize("row", [full_row(), full_row(filename="#error#"), full_row(shoes="17", bike="")])
def test_each_value_stands_in_its_own_column(row: ArchiveRow) -> None:
    whole = row_object(row, 5, [session(utc_offset_s=7200.0, laps=[{"elapsed_s": 3.5}])], FILE)
    listed, detail, _ = rows_of(whole)
    assert detail is not None
    assert differences(summary_and_detail(whole)[0], listed, ACTIVITIES_ALL) == []
    assert differences(whole, detail, ACTIVITY_DETAILS, apart=("laps", "lengths", "sessions")) == []


def test_the_row_is_the_truth_and_its_file_fills_in_what_it_lacks() -> None:
    recordings = [
        session(
            name="by the watch",
            sport="cycling",
            distance_m=999.0,
            elapsed_s=99.0,
            creator="A Watch",
            summary={"max_heartrate": 171.0, "avg_heartrate": 140.0},
        )
    ]
    whole = row_object(full_row(max_heartrate="", average_heartrate="", max_heartrate_shown=""), 5, recordings, FILE)
    row = full_row()
    assert {name: whole[name] for name in ("name", "sport_type", "distance", "elapsed_time")} == {
        "name": row.name, "sport_type": "TrailRun", "distance": row.distance_m, "elapsed_time": row.elapsed_s
    }  # fmt: skip
    assert (whole["max_heartrate"], whole["average_heartrate"], whole["device_name"]) == (171.0, 140.0, "A Watch")


def test_a_sport_that_strava_lacks_is_null_and_its_words_are_kept() -> None:
    change = session(sport="transition", sub_sport="swim_to_bike_transition")
    listed, _, _ = rows_of(recording_object(change, -5, FILE))
    assert listed["sport_type"] is None
    words = {"sport": "transition", "sub_sport": "swim_to_bike_transition"}
    assert json.loads(listed["extra"]) | words == json.loads(listed["extra"])
    summary, _, _ = rows_of(recording_object(session(sport="16"), -5, FILE))
    assert (summary["sport_type"], "sport" in json.loads(summary["extra"])) == ("Swim", False)
    row = row_object(full_row(), 5, [change], FILE)
    assert (row["sport_type"], row["sport"]) == ("TrailRun", "transition"), "the row is the truth"


@pytest.mark.parametrize(
    ("filename", "manual", "upload_id"),
    [
        ("activities/987654321.fit.gz", False, 987654321),
        ("activities/987654321.gpx", False, 987654321),
        ("activities/5.gpx", False, None),  # Strava wrote it, and numbered it as the activity
        ("activities/a name.gpx", False, None),
        ("activities/99999999999999999999.gpx", False, None),
        ("activities/٣٤.gpx", False, None),
        ("", True, None),
        ("#error#", False, None),
    ],
)
def test_a_file_names_its_upload_and_none_was_typed_in(filename: str, *, manual: bool, upload_id: int | None) -> None:
    whole = row_object(full_row(filename=filename), 5, [], None)
    assert (whole["manual"], whole.get("upload_id")) == (manual, upload_id)
    assert whole.get("upload_id_str") == (str(upload_id) if upload_id else None)


# --- the athlete's clock


@pytest.mark.parametrize(
    ("zone", "offset", "at", "local", "label"),
    [
        ("Europe/Paris", 7200, "2024-07-01T22:30:00", "2024-07-02T00:30:00Z", "(GMT+01:00) Europe/Paris"),
        ("Europe/Paris", 3600, "2024-12-31T23:30:00", "2025-01-01T00:30:00Z", "(GMT+01:00) Europe/Paris"),
        ("America/Denver", -21600, "2024-07-01T02:00:00", "2024-06-30T20:00:00Z", "(GMT-07:00) America/Denver"),
        ("America/St_Johns", -9000, "2024-07-01T02:00:00", "2024-06-30T23:30:00Z", "(GMT-03:30) America/St_Johns"),
        ("Asia/Kolkata", 19800, "2024-01-01T02:00:00", "2024-01-01T07:30:00Z", "(GMT+05:30) Asia/Kolkata"),
        ("Asia/Kathmandu", 20700, "2024-01-01T02:00:00", "2024-01-01T07:45:00Z", "(GMT+05:45) Asia/Kathmandu"),
        (
            "Australia/Lord_Howe",
            39600,
            "2024-01-01T02:00:00",
            "2024-01-01T13:00:00Z",
            "(GMT+10:30) Australia/Lord_Howe",
        ),
        ("UTC", 0, "2024-01-01T02:00:00", "2024-01-01T02:00:00Z", "(GMT+00:00) UTC"),
        ("Nowhere/City", 3600, "2024-01-01T02:00:00", "2024-01-01T03:00:00Z", None),
        ("../../etc/passwd", 3600, "2024-01-01T02:00:00", "2024-01-01T03:00:00Z", None),
        (None, 3600, "2024-01-01T02:00:00", "2024-01-01T03:00:00Z", None),
        ("Europe/Paris", None, "2024-01-01T02:00:00", None, None),
        ("Europe/Paris", 3600, "9999-12-31T23:59:59", None, None),
    ],
)
def test_a_local_start_and_a_zone_are_as_strava_tells_them(
    zone: str | None, offset: float | None, at: str, local: str | None, label: str | None
) -> None:
    began = datetime.fromisoformat(at).replace(tzinfo=UTC)
    whole = recording_object(session(started_at=began, utc_offset_s=offset, timezone=zone), -1, FILE)
    assert (whole["start_date"], whole.get("start_date_local"), whole.get("timezone")) == (f"{at}Z", local, label)
    assert whole.get("utc_offset") == offset


def test_the_first_session_that_knows_its_clock_tells_it() -> None:
    recordings = [session(0, sport="swimming"), session(1, utc_offset_s=3600.0), session(2, utc_offset_s=7200.0)]
    assert row_object(full_row(), 5, recordings, None)["start_date_local"] == "2024-07-01T09:00:00Z"


@pytest.mark.parametrize(
    ("sport", "clock", "local"),
    [
        ("Ride", {"timezone": "Europe/Berlin", "timezone_by": "place", "utc_offset_s": 3600.0}, "2024-07-01T10:00:00Z"),
        ("VirtualRide", {"timezone": "Pacific/Guadalcanal", "timezone_by": "place", "utc_offset_s": 39600.0}, None),
        ("VirtualRide", {"timezone_by": "file", "utc_offset_s": 7200.0}, "2024-07-01T10:00:00Z"),
    ],
    ids=["a file of another season", "no place of this world", "the device's own clock"],
)
def test_a_row_starts_on_the_clock_of_its_files_place(sport: str, clock: dict[str, Any], local: str | None) -> None:
    row = replace(full_row(), sport_type=sport)
    assert row_object(row, 5, [session(0, **clock)], None).get("start_date_local") == local


# --- several sessions


def test_several_sessions_are_summed_and_their_extremes_taken() -> None:
    recordings = [
        session(
            0,
            sport="swimming",
            elapsed_s=600.4,
            moving_s=590.25,
            distance_m=500.0,
            ascent_m=None,
            calories=100.0,
            summary={"max_heartrate": 150.0, "avg_heartrate": 130.0, "min_altitude": 4.0},
            track={"start_latlng": [1.0, 2.0], "end_latlng": [1.1, 2.1], "elev_high": 10.0, "elev_low": 3.0},
        ),
        session(
            1,
            sport="cycling",
            elapsed_s=1800.4,
            moving_s=1790.0,
            distance_m=10_000.0,
            ascent_m=55.0,
            calories=300.0,
            summary={"max_heartrate": 171.0, "max_speed": 15.5, "max_watts": 700.0},
            track={"start_latlng": [1.1, 2.1], "end_latlng": [1.2, 2.2], "elev_high": 80.0, "elev_low": 5.0},
        ),
        session(2, sport="running", track={"elev_low": -3.0, "max_speed": 6.0}),
    ]
    whole = row_object(ArchiveRow(1, activity_id=5), 5, recordings, None)
    assert whole["sport_type"] == "Swim"
    assert (whole["elapsed_time"], whole["moving_time"], whole["distance"]) == (2401, 2380, 10_500.0)
    assert (whole["total_elevation_gain"], whole["calories"]) == (55.0, 400.0)
    assert (whole["max_heartrate"], whole["max_speed"], whole["max_watts"]) == (171.0, 15.5, 700.0)
    assert (whole["elev_high"], whole["elev_low"]) == (80.0, -3.0)
    assert (whole["start_latlng"], whole["end_latlng"]) == ([1.0, 2.0], [1.2, 2.2])
    assert whole["average_speed"] == pytest.approx(10_500 / 2380.25, abs=0.001)
    assert (whole["average_heartrate"], whole["has_heartrate"]) == (130.0, True)
    assert [each["sport"] for each in whole["sessions"]] == ["swimming", "cycling", "running"]


def test_a_session_that_tells_nothing_leaves_everything_out() -> None:
    whole = recording_object(session(started_at=None), -1, FILE)
    assert whole == {
        "id": -1, "manual": False, "external_id": "987654321.fit.gz", "has_heartrate": False, "file": FILE,
        "sessions": [{"place": 0, "flags": [], "points": 0}],
    }  # fmt: skip


def test_a_session_is_a_row_with_all_that_the_device_summed_up() -> None:
    recording = session(
        sport="swimming",
        sub_sport="lap_swimming",
        elapsed_s=100.5,
        moving_s=99.25,
        descent_m=7.0,
        points=12,
        flags=["truncated"],
        sensors={"heartrate": "wrist"},
        summary={"pool_length_m": 25.0, "lengths": 4, "total_strokes": 61},
        lengths=[{"elapsed_s": 25.1, "stroke": "freestyle", "cycles": 15, "kind": "active"}] * 4,
    )
    _, _, nested = rows_of(recording_object(recording, -1, FILE))
    (row,) = nested["activity_sessions"]
    assert {name: row[name] for name in ("sport", "sub_sport", "elapsed_time_seconds", "moving_time_seconds")} == {
        "sport": "swimming", "sub_sport": "lap_swimming", "elapsed_time_seconds": 100.5, "moving_time_seconds": 99.25
    }  # fmt: skip
    assert (row["pool_length_m"], row["lengths"], row["points"], row["descent_m"]) == (25.0, 4.0, 12, 7.0)
    assert (row["flags"], row["extra"]) == ('["truncated"]', '{"total_strokes":61}')
    assert row["sensors"] == '{"heartrate":"wrist"}'
    lengths = nested["activity_lengths"]
    assert [(each["length_index"], each["session"], each["strokes"]) for each in lengths] == [
        (number, 0, 15.0) for number in range(1, 5)
    ]
    assert {each["extra"] for each in lengths} == {None}


# --- laps


def lap_row(lap: dict[str, Any], sessions: int = 1) -> dict[str, Any]:
    recordings = [session(0, laps=[lap], utc_offset_s=7200.0), *(session(place) for place in range(1, sessions))]
    _, _, nested = rows_of(row_object(full_row(), 5, recordings, None))
    return nested["activity_laps"][0]


def test_a_laps_fractions_of_seconds_are_kept() -> None:
    lap = {"started_at": BEGAN.isoformat(), "elapsed_s": 61.625, "moving_s": 60.0, "distance_m": 200.5}
    row = lap_row(lap)
    assert (row["elapsed_time"], row["moving_time"], row["distance"]) == (62, 60, 200.5)
    assert json.loads(row["extra"]) == {"elapsed_s": 61.625}
    assert row["start_date"] == BEGAN
    assert row["start_date_local"] == (BEGAN + timedelta(hours=2)).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("lap", "extra"),
    [
        ({"elapsed_s": 60.0}, None),
        ({"elapsed_s": 60.4, "trigger": "manual"}, {"elapsed_s": 60.4, "trigger": "manual"}),
        ({"started_at": None, "elapsed_s": None, "distance_m": 5.0}, None),
        ({"avg_heartrate": 150.0, "max_watts": 300.0}, {"max_watts": 300.0}),
        ({"elapsed_s": 0.0}, None),
    ],
)
def test_what_a_lap_has_beside_stravas_fields_is_kept(lap: dict[str, Any], extra: dict[str, Any] | None) -> None:
    kept = lap_row(lap)["extra"]
    assert (json.loads(kept) if kept else None) == extra


def test_of_several_sessions_a_lap_tells_which_is_its_own() -> None:
    assert json.loads(lap_row({"elapsed_s": 60.0}, sessions=2)["extra"]) == {"session": 0}


# --- summary and detail


@pytest.mark.parametrize(
    ("whole", "summary", "has_detail"),
    [
        ({"id": 1, "name": "x"}, {"id": 1, "name": "x"}, False),
        ({"id": 1, "description": "x"}, {"id": 1}, True),
        ({"id": 1, "laps": []}, {"id": 1}, True),
        ({"id": 1, "a field of tomorrow": 1}, {"id": 1, "a field of tomorrow": 1}, False),
        ({}, {}, False),
    ],
)
def test_a_listing_would_hold_less_than_a_detail(whole: Json, summary: Json, *, has_detail: bool) -> None:
    assert summary_and_detail(whole) == (summary, whole if has_detail else None)


def test_the_averages_of_several_sessions_are_weighted_by_their_length() -> None:
    ride = session(0, elapsed_s=3_000.0, summary={"avg_heartrate": 120.0, "avg_watts": 200.0})
    run = session(1, elapsed_s=1_000.0, summary={"avg_heartrate": 160.0})
    bare = replace(full_row(), summary={})
    mixed = row_object(bare, 7, [ride, run], None)
    assert (mixed["average_heartrate"], mixed["average_watts"]) == (130.0, 200.0)
    assert row_object(bare, 7, [ride], None)["average_heartrate"] == 120.0
    row = replace(full_row(), summary={"average_heartrate": 99.0})
    assert row_object(row, 7, [ride, run], None)["average_heartrate"] == 99.0, "the row is the truth"
    untold = session(1, summary={"avg_heartrate": 160.0})
    assert "average_heartrate" not in row_object(bare, 7, [ride, untold], None)


OWN, OTHER, THIRD = 1, 2, 3
PLAIN = hashed_id("file", "abc:0")


def hashed_with(athlete_id: int) -> int:
    return hashed_id("file", "abc:0", athlete_id)


def held_by(*athletes: int) -> Holders:
    """The plain id is held by these; no other id is by anybody."""
    return lambda source, activity_id: frozenset(athletes if (source, activity_id) == ("file", PLAIN) else ())


def test_an_athletes_id_stays_the_same_for_ever() -> None:
    """Literally: gold is made of these, and bronze is read with them after every update."""
    assert (PLAIN, hashed_with(OTHER)) == (-9072629553780065646, -8853906753698039540)
    assert len({PLAIN, hashed_with(OWN), hashed_with(OTHER), hashed_id("file", "abc:0@2")}) == 4


@pytest.mark.parametrize(
    ("own", "holders", "athlete", "expected"),
    [
        (OWN, (), OWN, Identity(PLAIN, OWN)),
        (OWN, (), OTHER, Identity(hashed_with(OTHER), OTHER)),
        (OWN, (), None, Identity(PLAIN, None)),
        (OWN, (OWN,), OTHER, Identity(hashed_with(OTHER), OTHER)),
        # nobody was known, or an older version took it in
        (None, (), OTHER, Identity(PLAIN, OTHER)),
        (None, (OWN,), OTHER, Identity(PLAIN, OTHER)),
        (None, (OWN,), None, Identity(PLAIN, None)),
        # an older version gave the plain id to another athlete, or to both
        (OWN, (OTHER,), OTHER, Identity(PLAIN, OTHER)),
        (OWN, (OTHER,), OWN, Identity(hashed_with(OWN), OWN)),
        (OWN, (OTHER,), THIRD, Identity(hashed_with(THIRD), THIRD)),
        (OWN, (OWN, OTHER), OWN, Identity(PLAIN, OWN)),
        (OWN, (OWN, OTHER), OTHER, Identity(PLAIN, OTHER)),
        # what names nobody and came in before
        (OWN, (OWN,), None, Identity(PLAIN, OWN)),
        (OWN, (OTHER,), None, Identity(PLAIN, OTHER)),
        (OWN, (OWN, OTHER), None, Identity(PLAIN, None)),
    ],
)
def test_whose_recording_has_which_id(
    own: int | None, holders: tuple[int, ...], athlete: int | None, expected: Identity
) -> None:
    assert Numbering(own, held_by(*holders)).identify("file", "abc:0", athlete) == expected


@pytest.mark.parametrize(
    ("activity", "athlete_id"),
    [
        ({"athlete": {"id": 7, "resource_state": 1}}, 7),
        ({"athlete": {"id": "7"}}, None),
        ({"athlete": {"id": True}}, None),
        ({"athlete": 7}, None),
        ({"athlete": {}}, None),
        ({}, None),
    ],
)
def test_the_athlete_whom_an_object_names(activity: Json, athlete_id: int | None) -> None:
    assert named_athlete_id(activity) == athlete_id


def test_nothing_is_asked_where_nobody_else_could_hold_an_id() -> None:
    def asked(source: str, activity_id: int) -> frozenset[int]:
        raise AssertionError

    assert Numbering(None, asked).identify("file", "abc:0", OWN) == Identity(PLAIN, OWN)


def test_other_ids_hold_nothing() -> None:
    others: Mapping[str, str] = {"file": "abc:1", "running_page": "abc:0"}
    for source, source_id in others.items():
        found = Numbering(OWN, held_by(OTHER)).identify(source, source_id, OWN)
        assert found == Identity(hashed_id(source, source_id), OWN)
