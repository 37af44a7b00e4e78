"""KML and KMZ: tracks with times are recordings, with the values of sensors; lines without times are routes."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.files.recording import DecodedFile, Flag, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sports import sport_type
from strava_pipeline.ingest.files.kml import ROUTE
from strava_pipeline.ingest.files.reading import read_file, read_whole
from strava_pipeline_tests.ingest.archive.made import zipped

BEGAN = datetime(2024, 5, 1, 7, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 20, tzinfo=UTC)


def whens(*seconds: int, zone: str = "Z") -> list[str]:
    return [f"<when>{BEGAN + timedelta(seconds=at):%Y-%m-%dT%H:%M:%S}.000{zone}</when>" for at in seconds]


def coords(count: int) -> list[str]:
    return [f"<gx:coord>11.5 {48 + place / 1000} {500 + place}</gx:coord>" for place in range(count)]


def track(times: list[str], places: list[str], arrays: str = "") -> str:
    return (
        f"<gx:Track>{''.join(times + places)}<ExtendedData><SchemaData>{arrays}</SchemaData></ExtendedData></gx:Track>"
    )


def array(name: str, *values: object) -> str:
    return f'<gx:SimpleArrayData name="{name}">{"".join(f"<gx:value>{value}</gx:value>" for value in values)}</gx:SimpleArrayData>'


def placemark(*tracks: str, sport: str = "mountain biking") -> str:
    data = f'<ExtendedData><Data name="activityType"><value><![CDATA[{sport}]]></value></Data></ExtendedData>'
    return f"<Placemark><name>To the lake</name><description>cold</description>{data}<gx:MultiTrack>{''.join(tracks)}</gx:MultiTrack></Placemark>"


def kml(*placemarks: str) -> bytes:
    head = (
        '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">'
    )
    return f"{head}<Document><name>all</name>{''.join(placemarks)}</Document></kml>".encode()


def read(content: bytes, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    return read_file(content, "tour.kml", RECEIVED, limits)


def only(content: bytes) -> Recording:
    (one,) = read(content).recordings
    return one


THREE = placemark(track(whens(0, 10, 20), coords(3), array("heartrate", 120, "", 140) + array("power", 200, 210, 220)))


def test_times_places_and_sensors_are_put_together_by_their_order() -> None:
    one = only(kml(THREE))
    assert (one.name, one.description, one.started_at, one.elapsed_s) == ("To the lake", "cold", BEGAN, 20)
    assert sport_type(one.sport, one.sub_sport) == "MountainBikeRide"
    assert one.track.select("latitude", "longitude", "altitude", "heartrate", "watts").rows() == [
        (48.0, 11.5, 500.0, 120.0, 200.0), (48.001, 11.5, 501.0, None, 210.0), (48.002, 11.5, 502.0, 140.0, 220.0),
    ]  # fmt: skip
    assert one.distance_m == pytest.approx(2 * 111.195, abs=0.01)
    assert one.flags == set()


def test_interleaved_as_opentracks_writes_them_they_are_the_same() -> None:
    times, places = whens(0, 10, 20, zone="+02:00"), ["<gx:coord/>", "<gx:coord>11,5 x</gx:coord>", *coords(1)]
    mixed = [part for pair in zip(times, places, strict=True) for part in pair]
    one = only(kml(placemark(track(mixed, []))))
    assert one.started_at == BEGAN - timedelta(hours=2)
    assert one.utc_offset_s == 7200
    assert (one.track["latitude"].to_list(), one.left_out) == ([None, None, 48.0], {"position": 1})


def test_tracks_of_a_placemark_are_segments_and_placemarks_are_recordings() -> None:
    first = placemark(track(whens(0, 10), coords(2)), track(whens(60, 70), coords(2)))
    found = read(kml(first, placemark(track(whens(9000, 9010), coords(2)), sport="running"))).recordings
    assert [(one.place, one.track.height, one.sport) for one in found] == [(0, 4, "mountain biking"), (1, 2, "running")]
    assert found[0].distance_m == pytest.approx(2 * 111.195, abs=0.01), "between segments nobody moved"


def test_the_sport_is_the_one_that_is_the_same_in_every_language() -> None:
    own = '<ExtendedData><Data name="type"><value>Radfahren</value></Data></ExtendedData>'
    both = THREE.replace("</name>", f"</name>{own}").replace("</gx:MultiTrack>", f"</gx:MultiTrack>{own}")
    assert only(kml(both)).sport == "mountain biking"


@pytest.mark.slow
def test_a_long_track_keeps_all_of_its_points() -> None:
    assert only(kml(placemark(track(whens(*range(20_000)), coords(20_000))))).track.height == 20_000


def test_no_more_points_are_read_than_the_limit() -> None:
    found = read(kml(placemark(track(whens(*range(50)), coords(50)))), ImportLimits(points=20))
    assert found.recordings[0].track.height <= 20
    assert Flag.OVER_LIMIT in found.recordings[0].flags


LINE = "<LineString><coordinates>11.5,48.1,0 11.6,48.1,0</coordinates></LineString>"


@pytest.mark.parametrize(
    ("content", "kind", "problem"),
    [
        (kml(f"<Placemark>{LINE}</Placemark>"), "route", ROUTE),
        (kml(f"<Placemark><TimeStamp><when>2024-05-01T07:00:00Z</when></TimeStamp>{LINE}</Placemark>"), "route", ROUTE),
        (kml(placemark(track([], coords(3)))), "route", ROUTE),
        (kml("<Placemark><Point><coordinates>11.5,48.1</coordinates></Point></Placemark>"), "waypoints", "It holds no points with times."),
        (kml(), "empty", "It holds no points with times."),
    ],
)  # fmt: skip
def test_without_times_it_is_no_activity_and_says_so(content: bytes, kind: str, problem: str) -> None:
    found = read(content)
    assert (found.kind, found.recordings, found.problem) == (kind, (), problem)
    assert "11.5" not in problem


def test_of_a_file_that_breaks_off_what_stands_before_is_kept() -> None:
    times, places = whens(*range(40)), coords(40)
    mixed = [part for pair in zip(times, places, strict=True) for part in pair]
    content = kml(placemark(track(mixed, [])))
    one = only(content[: len(content) // 2])
    assert 5 < one.track.height < 40
    assert Flag.TRUNCATED in one.flags
    latitudes = one.track["latitude"].drop_nulls().to_list()
    assert latitudes == [48 + place / 1000 for place in range(len(latitudes))], "no half number"


@pytest.mark.parametrize("pack", [gzip.compress, lambda body: zipped({"files/a.png": b"x", "doc.kml": body})])
def test_packed_it_is_the_same_activity(pack: object) -> None:
    plain, _ = read_whole(kml(THREE), "a.kml", RECEIVED)
    packed, (points,) = read_whole(pack(kml(THREE)), "a.kmz", RECEIVED)  # type: ignore[operator]
    assert (packed.content, packed.kind, points.height) == (plain.content, "activity", 3)


@pytest.mark.parametrize(
    "content", [zipped({"a.txt": kml(THREE)}), zipped({"doc.kml": kml(THREE)})[:200], b"PK\x03\x04" + bytes(50)]
)
def test_a_kmz_without_a_kml_is_a_zip(content: bytes) -> None:
    assert read(content).problem == "It is a zip archive, not an activity file."


def test_a_kmz_that_unpacks_to_too_much_is_not_read() -> None:
    found = read(zipped({"doc.kml": kml(THREE) + b" " * 500_000}), ImportLimits(file_bytes=100_000))
    assert found.recordings == ()
    assert "is larger than" in (found.problem or "")
