"""GPX files: both versions, extensions, odd times and odd bytes."""

import re
from datetime import timedelta

import pytest

from strava_pipeline.core.files.recording import DecodedFile, Flag, Recording
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline_tests.ingest.files.made import BEGAN, RECEIVED, gpx, trkpt

POINTS = "".join(trkpt(at, latitude=52 + at / 10_000) for at in range(5))


def read(content: str | bytes) -> DecodedFile:
    return read_file(content.encode() if isinstance(content, str) else content, "tour.gpx", RECEIVED)


def only(content: str | bytes) -> Recording:
    (one,) = read(content).recordings
    return one


def test_tracks_and_segments_of_a_file_are_one_recording() -> None:
    one = only(gpx(POINTS, "", trkpt(60, latitude=53)))
    assert (one.format, one.sport, one.name, one.creator) == ("gpx", "running", "Along the canal", "A Watch")
    assert (one.started_at, one.elapsed_s, one.track.height, one.flags) == (BEGAN, 60, 6, set())


def test_the_length_follows_from_the_positions_and_leaves_out_the_gap_between_segments() -> None:
    one = only(gpx(POINTS, trkpt(60, latitude=52.001)))
    assert one.distance_m == pytest.approx(4 * 11.1195, abs=0.01)  # ten-thousandths of a degree of a meridian
    assert one.summary == {"distance_by": "track"}
    assert one.track["distance"].null_count() == 6


def test_a_track_over_the_antimeridian_is_as_long_as_elsewhere() -> None:
    points = [trkpt(at, latitude=60, longitude=longitude) for at, longitude in enumerate((179.999, -179.999, 179.999))]
    assert only(gpx("".join(points))).distance_m == pytest.approx(222.39, abs=0.01)


@pytest.mark.parametrize(
    ("more", "column", "value"),
    [
        ("<extensions><x:TrackPointExtension xmlns:x='urn:x'><x:hr>141</x:hr></x:TrackPointExtension></extensions>", "heartrate", 141),
        ("<extensions><ns3:TrackPointExtension><ns3:cad>88</ns3:cad></ns3:TrackPointExtension></extensions>", "cadence", 88),
        ("<extensions><x><atemp>21.5</atemp></x></extensions>", "temperature", 21.5),
        ("<extensions><power>260</power></extensions>", "watts", 260),
        ("<speed>3.5</speed>", "speed", 3.5),
        ("<extensions><hr>fast</hr></extensions>", "heartrate", None),
        ("<extensions><hr>NaN</hr></extensions>", "heartrate", None),
    ],
)  # fmt: skip
def test_what_devices_put_into_extensions_becomes_columns(more: str, column: str, value: float | None) -> None:
    assert only(gpx(trkpt(0, more=more))).track[column].to_list() == [value]


def test_what_no_column_holds_is_counted() -> None:
    assert read(gpx(trkpt(0, more="<sat>7</sat><hdop>2</hdop>"), trkpt(1, more="<sat>8</sat>"))).unknown == {
        "sat": 2,
        "hdop": 1,
    }


@pytest.mark.parametrize(
    ("points", "flags", "elapsed"),
    [
        pytest.param([0, None, 10], {Flag.NO_TIMES}, 10, id="a_point_without_a_time"),
        pytest.param([0, 10, 5], {Flag.UNORDERED_TIMES}, 10, id="time_goes_back"),
        pytest.param([0, 10, 86_400 * 20, 86_400 * 20 + 5], {Flag.CLOCK_LEAP}, 86_400 * 20 + 5, id="resumed_later"),
        pytest.param(
            [0, 10, -86_400 * 20, -86_400 * 20 + 5],
            {Flag.CLOCK_LEAP, Flag.UNORDERED_TIMES},
            86_400 * 20 + 10,
            id="a_clock_set_back",
        ),
        pytest.param([0, 86_400], set(), 86_400, id="a_day_s_rest"),
        pytest.param([-86_400 * 20_000, -86_400 * 19_999], {Flag.WRONG_CLOCK}, 86_400, id="before_there_was_gps"),
        pytest.param([86_400 * 3650, 86_400 * 3650 + 1], {Flag.WRONG_CLOCK}, 1, id="after_the_file_was_received"),
    ],
)
def test_odd_times_are_flagged_and_kept_in_order(points: list[int | None], flags: set[Flag], elapsed: float) -> None:
    one = only(gpx("".join(trkpt(at) for at in points)))
    assert (one.flags, one.elapsed_s) == (flags, elapsed)
    assert one.track["at"].to_list() == [None if at is None else BEGAN + timedelta(seconds=at) for at in points]


@pytest.mark.parametrize(
    ("written", "seconds", "offset"),
    [
        ("2024-05-01T08:00:01Z", 1, None),
        ("2024-05-01T08:00:01.5Z", 1.5, None),
        ("2024-05-01T08:00:01.1234567Z", 1.123456, None),
        ("2024-05-01T10:00:01+02:00", 1, 7200),
        ("2024-05-01T08:00:01", 1, None),
        (" 2024-05-01T08:00:01Z\n", 1, None),
        ("2024-05-01T08:00:01,5Z", 1.5, None),
        ("2024-5-1t8:0:1z", 1, None),
        ("2024-04-30T24:00:00-08:00", 0, -28_800),
        ("2024-05-01T07:59:60.5Z", 0.5, None),
    ],
)
def test_times_are_read_as_they_are_written(written: str, seconds: float, offset: float | None) -> None:
    one = only(gpx(f'<trkpt lat="1" lon="2"><time>{written}</time></trkpt>'))
    assert (one.started_at, one.utc_offset_s) == (BEGAN + timedelta(seconds=seconds), offset)


def test_the_hour_that_comes_twice_in_autumn_is_as_long_as_any() -> None:
    times = ["2023-10-29T02:59:50+02:00", "2023-10-29T02:00:10+01:00"]
    one = only(gpx("".join(f'<trkpt lat="1" lon="2"><time>{time}</time></trkpt>' for time in times)))
    assert (one.elapsed_s, one.utc_offset_s) == (20, 7200)


def line(*steps: tuple[float, float], more: str = "") -> str:
    """A segment to the north; each step: seconds and metres."""
    at = metres = 0.0
    points = [trkpt(0, more=more)]
    for seconds, further in steps:
        at, metres = at + seconds, metres + further
        points.append(trkpt(at, latitude=52 + metres / 111_195, more=more))
    return "".join(points)


def test_a_stretch_that_is_faster_than_any_sport_is_a_way_and_a_jump_is_none() -> None:
    motorway = line(*[(1, 30)] * 100, *[(1, 45)] * 30, *[(1, 30)] * 20, (1, 300), *[(1, 30)] * 20)
    one = only(gpx(motorway, about="<type>motorcycling</type>"))
    assert one.distance_m == pytest.approx(100 * 30 + 30 * 45 + 40 * 30, rel=1e-3)
    assert (one.left_out, one.flags) == ({}, set())


def test_a_way_on_which_the_position_stood_still_counts_when_it_goes_on() -> None:
    tunnel = line(*[(1, 3)] * 30, *[(1, 0)] * 60, (1, 183), *[(1, 3)] * 30)
    assert only(gpx(tunnel)).distance_m == pytest.approx(90 + 183 + 90, rel=1e-3)


def worn(heartrate: int) -> str:
    return f"<extensions><hr>{heartrate}</hr></extensions>"


RUN, LATER = line(*[(10, 30)] * 20), line(*[(10, 30)] * 40)
AT_ONCE = "".join(trkpt(at, latitude=52 + at * 3 / 111_195, more=worn(100 + at)) for at in range(3) for _ in range(2))
LAPS = "".join(trkpt(at, latitude=52 + abs(at % 200 - 100) * 3 / 111_195) for at in range(0, 400, 10))
REPETITIONS = {
    "each segment begins anew": (gpx(line(*[(10, 30)] * 10), RUN, LATER), 1200, 41, 32),
    "each track begins anew": (
        gpx(RUN, LATER).replace("</trkseg><trkseg>", "</trkseg></trk><trk><trkseg>"),
        1200,
        41,
        21,
    ),
    "the whole comes first": (gpx(LATER, RUN), 1200, 41, 21),
    "the end comes again": (gpx(RUN, LATER[LATER.index(trkpt(150, latitude=52 + 450 / 111_195)) :]), 1200, 41, 6),
    "a gap behind a repetition": (gpx(RUN, trkpt(0), trkpt(300, latitude=52 + 900 / 111_195)), 600, 22, 1),
    "rounds over one place": (gpx(LAPS), 390 * 3, 40, 0),
    "two points of each second": (gpx(AT_ONCE), 6, 6, 0),
    "a device at rest": (gpx(RUN + trkpt(200, latitude=52 + 600 / 111_195) * 30), 600, 51, 0),
}


@pytest.mark.parametrize(("content", "distance", "height", "repeated"), REPETITIONS.values(), ids=REPETITIONS)
def test_a_point_of_the_time_and_place_of_an_earlier_one_is_that_point(
    content: str, distance: float, height: int, repeated: int
) -> None:
    one = only(content)
    assert one.distance_m == pytest.approx(distance, rel=1e-3)
    assert (one.track.height, one.left_out, one.flags) == (height, {"repeated": repeated} if repeated else {}, set())


def test_a_repetition_gives_the_values_that_its_point_lacks() -> None:
    one = only(gpx(line(*[(10, 30)] * 2), line(*[(10, 30)] * 2, more=worn(150)), line((10, 30), more=worn(90))))
    assert one.track["heartrate"].to_list() == [150] * 3


ROUTE = '<rte><rtept lat="1" lon="2"/></rte>'
WALK = line(*[(10, 12)] * 20)


PLANNED = {
    "a track without times": (gpx(trkpt(None), trkpt(None)), "route", 0),
    "routes": (f'<gpx version="1.0">{ROUTE}{ROUTE}</gpx>', "route", 2),
    "waypoints": ('<gpx><wpt lat="1" lon="2"/></gpx>', "waypoints", 0),
    "nothing": ("<gpx><metadata><name>Nothing</name></metadata></gpx>", "empty", 0),
    "a type": (gpx(WALK, about="<type>Route</type>"), "route", 1),
    "a run in French": (gpx(WALK, about="<type>course</type>"), "activity", 0),
    "a type and a sensor": (
        gpx(line(*[(10, 12)] * 20, more="<hr>120</hr>"), about="<type>Route</type>"),
        "activity",
        0,
    ),
    "a link": (gpx(trkpt(None), about='<link href="https://www.strava.com/routes/27"/>'), "route", 1),
    "a program": (gpx(WALK).replace("A Watch", "BRouter-1.7.5"), "route", 1),
    "milliseconds": (gpx(line(*[(0.18, 28)] * 40)), "route", 1),
    "milliseconds and a sensor": (gpx(line(*[(0.18, 28)] * 40, more="<hr>120</hr>")), "activity", 0),
    "a second for each point": (gpx(line(*[(1, 20), (1, 180)] * 60)), "route", 1),
    "a flight": (gpx(line(*[(5, 1100 + 10 * (at % 7)) for at in range(60)])), "activity", 0),
    "beside": (gpx(WALK).replace("</gpx>", f"{ROUTE}<trk><trkseg>{trkpt(None)}</trkseg></trk></gpx>"), "activity", 2),
}


@pytest.mark.parametrize(("content", "kind", "planned"), PLANNED.values(), ids=PLANNED)
def test_what_somebody_planned_is_no_activity_and_counted(content: str, kind: str, planned: int) -> None:
    found = read(content)
    assert (found.kind, len(found.recordings)) == (kind, int(kind == "activity"))
    assert found.left_out == ({"route": planned} if planned else {})
    assert all(one.track.height > 20 for one in found.recordings)


@pytest.mark.parametrize(
    ("tracks", "recordings"),
    [
        ([(0, "a", "hiking"), (86_400, "b", "hiking")], ["a", "b"]),
        ([(86_400, "b", "hiking"), (0, "a", "hiking")], ["a", "b"]),
        ([(0, "a", "hiking"), (5700, "b", "Hiking"), (6000, "c", "")], ["a"]),  # a rest at noon
        ([(0, "a", "running"), (230, "b", "cycling"), (460, "c", "")], ["a", "b"]),
        ([(0, "a", ""), (100, "b", "")], ["a", "b"]),  # at the same time
    ],
)
def test_a_track_that_goes_on_is_one_recording(tracks: list[tuple[int, str, str]], recordings: list[str]) -> None:
    pieces = [
        f"<trk><name>{name}</name><type>{sport}</type>{''.join(trkpt(at + s) for s in range(0, 200, 10))}</trk>"
        for at, name, sport in tracks
    ]
    found = read(f"<gpx>{''.join(pieces)}</gpx>").recordings
    assert [(one.place, one.name) for one in found] == list(enumerate(recordings))
    assert sum(one.track.height for one in found) == 20 * len(tracks)


FITOTRACK = (
    "Workout(id=7, start=1000, end=211000, activeDuration=180000, comment={}, distance=250.5, energy=83680, "  # J
    "workoutTypeId=walking)"
)


@pytest.mark.parametrize(
    ("sums", "distance", "moving", "elapsed", "by"),
    [
        ({"Distance": 250.5, "MovingTime": 180, "TimerTime": 199}, 250.5, 180, 200, "app"),
        ({"Distance": 250.5, "TimerTime": 199, "TotalElapsedTime": 240}, 250.5, 199, 240, "app"),
        ({"Distance": 0.2505, "MovingTime": 900}, 240, None, 200, "track"),
        ({"Distance": 481, "MovingTime": 0, "TotalElapsedTime": 90}, 240, None, 200, "track"),
        ({"Distance": "far"}, 240, None, 200, "track"),
    ],
)
@pytest.mark.parametrize("place", ["<trk>{}", "<metadata>{}</metadata><trk>", "{}<trk>"])
def test_the_app_s_own_sums_count_unless_the_track_contradicts_them(
    place: str, sums: dict[str, object], distance: float, moving: float | None, elapsed: float, by: str
) -> None:
    inner = "".join(f"<x:{name}>{value}</x:{name}>" for name, value in (sums | {"Ascent": 12}).items())
    written = f"<extensions><x:TrackStatsExtension>{inner}</x:TrackStatsExtension></extensions>"
    one = only(gpx(WALK).replace("<trk>", place.format(written)))
    assert (one.distance_m, one.summary["distance_by"]) == (pytest.approx(distance, abs=0.01), by)
    assert (one.moving_s, one.elapsed_s, one.ascent_m) == (moving, elapsed, 12)
    assert one.summary.get("moving_time_by") == (None if moving is None else "app")


@pytest.mark.parametrize(("comment", "name"), [("Round the pond, fast", "Round the pond, fast"), ("", None)])
def test_a_record_in_the_place_of_the_name_is_read_and_is_none(comment: str, name: str | None) -> None:
    about = f"<metadata><name>{FITOTRACK.format(comment)}</name></metadata><trk>"
    one = only(gpx(WALK, about="").replace("<trk>", about))
    assert (one.name, one.sport, one.distance_m, one.moving_s, one.elapsed_s) == (name, "walking", 250.5, 180, 210)
    assert one.calories == 20


@pytest.mark.parametrize(
    "point",
    ["<trkpt><extensions><hr>99</hr></extensions></trkpt>", '<trkpt lat="" lon=""/>', '<trkpt lat="?" lon="?"/>'],
)
def test_points_without_a_position_or_a_time_are_no_route_and_what_to_export_is_said(point: str) -> None:
    found = read(gpx(point * 1114))
    assert (found.kind, found.recordings) == ("empty", ())
    assert found.problem == (
        "It holds 1,114 points, none of them with a position or a time, as a GPX of a swim in a pool does. Export the activity "
        "as FIT (the original file) or as TCX: these hold it."
    )


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(gpx(POINTS) + " " * 3000, id="spaces_behind"),
        pytest.param(gpx(POINTS) + "\0" * 3000, id="zeros_behind"),
        pytest.param(gpx(POINTS) + f"<!-- {'by a server ' * 300}-->", id="a_comment_behind"),
        pytest.param(gpx(POINTS, head='<?xml-stylesheet href="<a>.xsl"?>'), id="an_instruction_before"),
        pytest.param(gpx(POINTS).replace("UTF-8", "UTF-16").encode("utf-16-le"), id="two_bytes"),
        pytest.param(gpx(POINTS).replace("UTF-8", "UTF-16").encode("utf-16-be"), id="two_bytes_swapped"),
    ],
)
def test_a_complete_document_does_not_end_in_the_middle(whole: str | bytes) -> None:
    found = read(whole)
    assert [(one.track.height, one.flags) for one in found.recordings] == [(5, set())]
    assert found.problem is None


@pytest.mark.parametrize("empty", ['<gpx version="1.1" creator="x"/>', '<?xml version="1.0"?>\n<gpx />\n<!-- x -->'])
def test_a_document_that_is_closed_in_itself_is_complete_and_holds_nothing(empty: str) -> None:
    assert read(empty).problem == "It holds no points."


WRITTEN = gpx(POINTS, about="<name>Überlingen</name>")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WRITTEN.encode("utf-8-sig"), id="bom"),
        pytest.param(b"          " + WRITTEN.encode(), id="leading_space"),
        pytest.param(b"\n\xef\xbb\xbf" + WRITTEN.encode(), id="space_and_bom"),
        pytest.param(WRITTEN.replace("UTF-8", "ISO-8859-1").encode("latin-1"), id="latin_1"),
        pytest.param(WRITTEN.replace("UTF-8", "UTF-16").encode("utf-16"), id="utf_16"),
        pytest.param(WRITTEN.replace("1.1", "1.0").replace("GPX/1/1", "GPX/1/0").encode(), id="version_1_0"),
        pytest.param(WRITTEN.replace(' xmlns="http://www.topografix.com/GPX/1/1"', "").encode(), id="no_namespace"),
        pytest.param(WRITTEN.replace("UTF-8", "UTF-16").encode("utf-8-sig"), id="marked_utf_8_said_utf_16"),
        pytest.param(WRITTEN.replace("UTF-8", "UTF-16").encode(), id="utf_8_said_utf_16"),
        pytest.param(WRITTEN.encode("utf-16"), id="utf_16_said_utf_8"),
        pytest.param(WRITTEN.encode("latin-1"), id="latin_1_said_utf_8"),
        pytest.param(WRITTEN.replace("UTF-8", "UTF-16").encode("cp1252"), id="cp1252_said_utf_16"),
        pytest.param(WRITTEN.replace("UTF-8", "ISO-8859-1").encode(), id="utf_8_said_latin_1"),
        pytest.param(WRITTEN.replace("UTF-8", "cp437").encode("cp437"), id="cp437"),
        pytest.param(re.sub(r'(="|<ele>)(\d+)\.(\d+)("|<)', r"\1\2,\3\4", WRITTEN.replace('"1.1"', '"1"')).encode(), id="decimal_commas"),
        pytest.param(WRITTEN.replace("</name>", "<!-- here --></name>").encode(), id="a_comment"),
        pytest.param(WRITTEN.replace("UTF-8", "unicode_escape").replace("</name>", r"</name><desc>\ud800</desc>").encode("latin-1"), id="half_a_character"),
    ],
)  # fmt: skip
def test_however_it_is_written_it_says_the_same(content: bytes) -> None:
    one = only(content)
    assert (one.name, one.track.height, one.flags) == ("Überlingen", 5, set())
    assert one.track.select("latitude", "altitude").row(4) == (52.0004, 34.5)


@pytest.mark.parametrize(
    ("content", "height", "flags"),
    [
        pytest.param(WRITTEN[: WRITTEN.rindex("<time>") + 12], 4, {Flag.TRUNCATED}, id="cut_in_a_point"),
        pytest.param(WRITTEN[: WRITTEN.rindex("</trkseg>")], 5, {Flag.TRUNCATED}, id="cut_behind_a_point"),
        pytest.param(
            WRITTEN.replace("</ele>", "", 1), 5, {Flag.DAMAGED, Flag.UNORDERED_TIMES}, id="an_element_that_never_ends"
        ),
        pytest.param(WRITTEN.replace("Ü", "\x01&"), 5, {Flag.DAMAGED}, id="characters_that_may_not_be"),
        pytest.param(f"{WRITTEN}<junk", 5, {Flag.DAMAGED}, id="more_behind_its_end"),
    ],
)
def test_what_stands_before_and_behind_a_fault_is_read(content: str, height: int, flags: set[Flag]) -> None:
    found = read(content)
    (one,) = found.recordings
    assert (one.track.height, one.flags) == (height, flags)
    assert one.track["at"].null_count() == 0
    assert found.problem is not None


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(91, 13), (52, 541), ("x", 13), ("nan", 13)], ids=["north", "east", "no_number", "nan"]
)
def test_what_is_no_place_on_earth_is_unknown(latitude: object, longitude: float) -> None:
    one = only(gpx(trkpt(0).replace('"52.0"', f'"{latitude}"').replace('"13.0"', f'"{longitude}"')))
    assert one.track.select("latitude", "longitude").row(0) == (None, None)
    assert (one.distance_m, one.left_out) == (None, {"position": 1})
