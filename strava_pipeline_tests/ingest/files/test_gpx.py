"""GPX files: both versions, extensions, odd times and odd bytes."""

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
        ([0, None, 10], {Flag.NO_TIMES}, 10),
        ([0, 10, 5], {Flag.UNORDERED_TIMES}, 10),
        ([0, 10, 86_400 * 20, 86_400 * 20 + 5], {Flag.CLOCK_LEAP}, 86_400 * 20 + 5),
        ([0, 10, -86_400 * 20, -86_400 * 20 + 5], {Flag.CLOCK_LEAP, Flag.UNORDERED_TIMES}, 86_400 * 20 + 10),
        ([0, 86_400], set(), 86_400),
        ([-86_400 * 20_000, -86_400 * 19_999], {Flag.WRONG_CLOCK}, 86_400),
        ([86_400 * 3650, 86_400 * 3650 + 1], {Flag.WRONG_CLOCK}, 1),
    ],
    ids=[
        "a_point_without_a_time",
        "time_goes_back",
        "resumed_later",
        "a_clock_set_back",
        "a_day_s_rest",
        "before_there_was_gps",
        "after_the_file_was_received",
    ],
)
def test_odd_times_are_flagged_and_kept_in_their_order(
    points: list[int | None], flags: set[Flag], elapsed: float
) -> None:
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
    ],
)
def test_times_are_read_as_they_are_written(written: str, seconds: float, offset: float | None) -> None:
    one = only(gpx(f'<trkpt lat="1" lon="2"><time>{written}</time></trkpt>'))
    assert (one.started_at, one.utc_offset_s) == (BEGAN + timedelta(seconds=seconds), offset)


def test_the_hour_that_comes_twice_in_autumn_is_as_long_as_any() -> None:
    times = ["2023-10-29T02:59:50+02:00", "2023-10-29T02:00:10+01:00"]
    one = only(gpx("".join(f'<trkpt lat="1" lon="2"><time>{time}</time></trkpt>' for time in times)))
    assert (one.elapsed_s, one.utc_offset_s) == (20, 7200)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gpx(trkpt(None), trkpt(None)), "route"),
        ('<gpx version="1.0"><rte><rtept lat="1" lon="2"/></rte></gpx>', "route"),
        ('<gpx><wpt lat="1" lon="2"/></gpx>', "waypoints"),
        ("<gpx><metadata><name>Nothing</name></metadata></gpx>", "empty"),
    ],
    ids=["a_track_without_times", "a_route", "waypoints", "nothing"],
)
def test_without_a_time_it_is_no_activity(content: str, kind: str) -> None:
    assert (read(content).kind, read(content).recordings) == (kind, ())


@pytest.mark.parametrize("point", ["<trkpt><extensions><hr>99</hr></extensions></trkpt>", '<trkpt lat="" lon=""/>'])
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
        gpx(POINTS) + " " * 3000,
        gpx(POINTS) + "\0" * 3000,
        gpx(POINTS) + f"<!-- {'by a server ' * 300}-->",
        gpx(POINTS, head='<?xml-stylesheet href="<a>.xsl"?>'),
        gpx(POINTS).replace("UTF-8", "UTF-16").encode("utf-16-le"),
        gpx(POINTS).replace("UTF-8", "UTF-16").encode("utf-16-be"),
    ],
    ids=[
        "spaces_behind",
        "zeros_behind",
        "a_comment_behind",
        "an_instruction_before",
        "two_bytes",
        "two_bytes_swapped",
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
        WRITTEN.encode("utf-8-sig"),
        b"          " + WRITTEN.encode(),
        b"\n\xef\xbb\xbf" + WRITTEN.encode(),
        WRITTEN.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        WRITTEN.replace("UTF-8", "UTF-16").encode("utf-16"),
        WRITTEN.replace("1.1", "1.0").replace("GPX/1/1", "GPX/1/0").encode(),
        WRITTEN.replace(' xmlns="http://www.topografix.com/GPX/1/1"', "").encode(),
        WRITTEN.replace("</name>", "<!-- here --></name>").encode(),
    ],
    ids=["bom", "leading_space", "space_and_bom", "latin_1", "utf_16", "version_1_0", "no_namespace", "a_comment"],
)  # fmt: skip
def test_however_it_is_written_it_says_the_same(content: bytes) -> None:
    one = only(content)
    assert (one.name, one.track.height, one.flags) == ("Überlingen", 5, set())


@pytest.mark.parametrize(
    ("content", "height", "flags"),
    [
        (WRITTEN[: WRITTEN.rindex("<time>") + 12], 4, {Flag.TRUNCATED}),
        (WRITTEN[: WRITTEN.rindex("</trkseg>")], 5, {Flag.TRUNCATED}),
        (WRITTEN.replace("</ele>", "", 1), 5, {Flag.DAMAGED, Flag.UNORDERED_TIMES}),
        (WRITTEN.replace("Ü", "\x01&"), 5, {Flag.DAMAGED}),
        (f"{WRITTEN}<junk", 5, {Flag.DAMAGED}),
    ],
    ids=[
        "cut_in_a_point",
        "cut_behind_a_point",
        "an_element_that_never_ends",
        "characters_that_may_not_be",
        "more_behind_its_end",
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
    assert one.track.select("latitude", "longitude").row(0).count(None) >= 1
    assert one.distance_m is None
