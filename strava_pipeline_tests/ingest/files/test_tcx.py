"""TCX files: laps, points, courses, and what other programs make of the format."""

import re
from datetime import timedelta

import pytest

from strava_pipeline.core.files.recording import DecodedFile, Flag
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline_tests.ingest.files.made import BEGAN, RECEIVED, activity, iso, tcx, tcx_lap, trackpoint

WHOLE = tcx(activity(tcx_lap(0, 9, 31, trackpoint(0, 0), trackpoint(10, 30)), tcx_lap(20, 9, 31, trackpoint(20, 60))))


def read(content: str | bytes) -> DecodedFile:
    return read_file(content.encode() if isinstance(content, str) else content, "run.tcx", RECEIVED)


def test_an_activity_is_a_recording_by_its_points() -> None:
    found = read(WHOLE)
    (run,) = found.recordings
    assert (found.format, found.kind, found.problem) == ("tcx", "activity", None)
    assert (run.sport, run.description, run.creator) == ("Running", "Easy", "A Watch")
    assert (run.started_at, run.elapsed_s) == (BEGAN, 20), "its id says six seconds earlier"
    assert (run.distance_m, run.moving_s, run.calories) == (60, 18, 22), "the laps add up to 62 m"
    assert run.laps[1] == {
        "started_at": BEGAN + timedelta(seconds=20),
        "moving_s": 9.0,
        "distance_m": 31.0,
        "calories": 11.0,
        "avg_heartrate": 140.0,
        "intensity": "Active",
    }
    assert run.track["distance"].to_list() == [0, 30, 60]
    assert run.flags == set()
    assert "31415926" not in repr(found)


def test_each_activity_of_a_file_is_a_recording() -> None:
    found = read(
        tcx(activity(tcx_lap(0, 1, 1, trackpoint(0))), activity(tcx_lap(60, 1, 1, trackpoint(60)), sport="Biking"))
    )
    assert [(one.place, one.sport, one.started_at) for one in found.recordings] == [
        (0, "Running", BEGAN),
        (1, "Biking", BEGAN + timedelta(seconds=60)),
    ]


@pytest.mark.parametrize(
    ("more", "column", "value"),
    [
        ("<HeartRateBpm><Value>150</Value></HeartRateBpm>", "heartrate", 150),
        ("<Cadence>80</Cadence>", "cadence", 80),
        ("<Extensions><TPX xmlns='urn:x'><RunCadence>85</RunCadence></TPX></Extensions>", "cadence", 85),
        ("<Extensions><ns3:TPX><ns3:Watts>210</ns3:Watts></ns3:TPX></Extensions>", "watts", 210),
        ("<Extensions><TPX><Speed>2.5</Speed></TPX></Extensions>", "speed", 2.5),
        ("<AltitudeMeters>-3</AltitudeMeters>", "altitude", -3),
    ],
)
def test_a_point_tells_more_than_its_place(more: str, column: str, value: float) -> None:
    found = read(tcx(activity(tcx_lap(0, 1, 1, trackpoint(0, more=more)))))
    assert found.recordings[0].track[column].to_list() == [value]
    assert found.recordings[0].flags == set(), "a prefix that nobody declared costs nothing"


def lap(metres: float | None, *distances: float | None, number: int = 0, is_placed: bool = True) -> str:
    """A lap with a point each 20 s, 100 m further on."""
    at = range(100 * number, 100 * number + 20 * len(distances), 20)
    points = [
        trackpoint(when, told, latitude=52 + when / 20 * 100 / 111_195)
        for when, told in zip(at, distances, strict=True)
    ]
    whole = tcx_lap(100 * number, 90, metres or 0, *points)
    whole = whole if metres is not None else whole.replace("<DistanceMeters>0</DistanceMeters>", "", 1)
    return whole if is_placed else re.sub("<Position>.*?</Position>", "", whole)


COUNTED = (0, 100, 200, 300, 400)
KM = (0, 0.1, 0.2, 0.3, 0.4)


DISTANCES = {
    "rounded laps": ([lap(402, *COUNTED)], 400, None, 400),
    "a leg of a race that counts on": ([lap(400, *(40_000 + metres for metres in COUNTED))], 400, None, 400),
    "a leg whose lap says little": ([lap(5, *(40_000 + metres for metres in COUNTED))], 400, "points", 400),
    "counted anew at each lap": ([lap(500, *COUNTED, 500), lap(400, *COUNTED[1:], number=1)], 900, None, 900),
    "points in kilometres": ([lap(400, *KM)], 400, "laps", None),
    "in kilometres, no positions": ([lap(400, *KM, is_placed=False)], 400, "laps", None),
    "in kilometres, no laps": ([lap(None, *KM)], 400, "track", None),
    "points of zero": ([lap(400, 0, 0, 0, 0, 0)], 400, "laps", None),
    "laps and points of zero": ([lap(0, 0, 0, 0, 0, 0)], 400, "track", None),
    "no laps": ([lap(None, *COUNTED)], 400, None, 400),
    "a lap of zero that moved": ([lap(400, *COUNTED), lap(0, *COUNTED[1:], number=1)], 800, None, 800),
    "a lap of zero at rest": ([lap(400, *COUNTED), lap(0, 400, number=1)], 400, None, 400),
    "a lap that repeats and goes on": ([lap(400, *COUNTED), lap(600, *COUNTED, 500, 600)], 600, "points", 600),
    "a lap without points": ([lap(400, *COUNTED), lap(300, number=1)], 700, "laps", 400),
    "no points": ([lap(400, None, None, None, None)], 400, "laps", None),
    "zero indoors": ([lap(0, 0, 0, 0, is_placed=False)], None, None, 0),
    "nothing": ([lap(None, is_placed=False)], None, None, None),
}


@pytest.mark.parametrize(("laps", "distance", "by", "last"), DISTANCES.values(), ids=DISTANCES)
def test_a_distance_is_what_laps_points_and_positions_agree_on(
    laps: list[str], distance: float | None, by: str | None, last: float | None
) -> None:
    (one,) = read(tcx(activity(*laps))).recordings
    assert one.distance_m == (None if distance is None else pytest.approx(distance, rel=0.002))
    assert (one.summary.get("distance_by"), one.track["distance"].max()) == (by, last)


@pytest.mark.parametrize(("days", "flags"), [(20, {Flag.CLOCK_LEAP}), (-20, {Flag.CLOCK_LEAP, Flag.UNORDERED_TIMES})])
def test_a_leap_of_the_clock_is_flagged_and_costs_no_point(days: int, flags: set[Flag]) -> None:
    points = [trackpoint(at + (86_400 * days if at > 1 else 0), at * 3.0) for at in range(4)]
    found = read(tcx(activity(tcx_lap(0, 9, 9, *points))))
    assert [(one.track.height, one.distance_m, one.flags) for one in found.recordings] == [(4, 9, flags)]
    assert found.problem is None


def test_a_local_time_tells_its_offset() -> None:
    (one,) = read(WHOLE.replace("08:00:00Z", "04:00:00.000-04:00")).recordings
    assert (one.started_at, one.utc_offset_s) == (BEGAN, -14_400)


def test_a_position_that_cannot_be_read_is_counted() -> None:
    (one,) = read(WHOLE.replace("<LatitudeDegrees>52<", "<LatitudeDegrees>north<", 1)).recordings
    assert (one.track["longitude"].count(), one.left_out) == (2, {"position": 1})


def test_a_course_is_no_activity() -> None:
    points = f"<Track>{trackpoint(0, 0)}</Track>"
    found = read(
        f"<TrainingCenterDatabase><Courses><Course><Name>Loop</Name>{points}</Course></Courses></TrainingCenterDatabase>"
    )
    assert (found.kind, found.recordings) == ("course", ())


@pytest.mark.parametrize(
    ("content", "height", "laps", "flags"),
    [
        ("          " + WHOLE, 3, 2, set()),
        (WHOLE.replace("<Creator>", '<Creator xsi:type="Device_t">'), 3, 2, set()),
        (WHOLE.replace(f"<Id>{iso(-6)}</Id>", ""), 3, 2, set()),
        (
            WHOLE[: WHOLE.index("<Training")] + WHOLE[WHOLE.index("<Activities") : WHOLE.rindex("</Training")],
            3,
            2,
            set(),
        ),
        (WHOLE[: WHOLE.rindex("<Creator>")], 3, 2, {Flag.TRUNCATED}),
        (WHOLE[: WHOLE.rindex("<Position>")], 2, 2, {Flag.TRUNCATED}),
        (WHOLE[: WHOLE.index("<LatitudeDegrees>")], 0, 1, {Flag.TRUNCATED}),
        (WHOLE.replace("</Position>", "", 1), 3, 2, {Flag.DAMAGED, Flag.UNORDERED_TIMES}),
        (WHOLE.replace("<Notes>", "<Notes>\x02"), 3, 2, {Flag.DAMAGED}),
    ],
    ids=[
        "strava_s_ten_spaces",
        "a_prefix_nobody_declared",
        "no_id",
        "no_root",
        "cut_behind_the_laps",
        "cut_in_the_last_point",
        "cut_in_the_first_point",
        "an_element_that_never_ends",
        "a_character_that_may_not_be",
    ],
)
def test_a_malformed_file_gives_what_can_be_read(content: str, height: int, laps: int, flags: set[Flag]) -> None:
    found = read(content)
    (one,) = found.recordings
    assert (one.track.height, len(one.laps)) == (height, laps)
    assert one.flags - {Flag.NO_TIMES} == flags
    assert (found.problem is not None) == bool(flags)
