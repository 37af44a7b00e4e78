"""Any bytes are known by their content, whatever their name, and never end an import; and time zones by position."""

import gzip
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from strava_pipeline.core.files.recording import Clock, ClockBy, Flag, Format
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.files import points, reading
from strava_pipeline.ingest.files.reading import MOST_MEMBERS, Zone, clock_of, read_file, unpack, zone_at, zone_of
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.ingest.files import made
from strava_pipeline_tests.ingest.files.made import RECEIVED

WINTER, SUMMER = datetime(2024, 1, 15, 12, tzinfo=UTC), datetime(2024, 7, 15, 12, tzinfo=UTC)
FIT = made.fit(made.file_id(), made.records(60), made.session(0, 60))
GPX = made.gpx("".join(made.trkpt(at) for at in range(60))).encode()
TCX = made.tcx(made.activity(made.tcx_lap(0, 60, 100, *(made.trackpoint(at, at) for at in range(60))))).encode()


@pytest.mark.parametrize(("content", "found"), [(FIT, "fit"), (GPX, "gpx"), (TCX, "tcx")], ids=["fit", "gpx", "tcx"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["a.fit", "a.gpx.gz", "a.bin", ""])
def test_files_are_known_by_content(content: bytes, found: str, packed: Callable[[bytes], bytes], name: str) -> None:
    read = read_file(packed(content), name, RECEIVED)
    assert (read.format, read.kind, read.problem) == (found, "activity", None)
    assert [one.track.height for one in read.recordings] == [60]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "It is empty.", id="nothing"),
        pytest.param(b" \n\0", "It is empty.", id="blanks"),
        pytest.param(gzip.compress(b""), "It is empty.", id="nothing_packed"),
        pytest.param(b"\x1f\x8b\x08", "Nothing in it could be unpacked.", id="half_a_gzip_header"),
        pytest.param(b"\x1f\x8b\x08\0garbage, not deflate", "Nothing in it could be unpacked.", id="no_deflate"),
        pytest.param(b"PK\x03\x04....", "It is a zip archive, not an activity file.", id="zip"),
        pytest.param(b"%PDF-1.7", "It is neither FIT, GPX, TCX nor KML, whatever .gpx says.", id="pdf"),
        pytest.param(b"<html/>", "It is neither FIT, GPX, TCX nor KML, whatever .gpx says.", id="html"),
        pytest.param(bytes(8) + b".FIT", "Its FIT messages don't say what it is.", id="half_a_fit_header"),
    ],
)
def test_what_is_no_activity_file_says_why(content: bytes, problem: str) -> None:
    read = read_file(content, "tour.gpx", RECEIVED)
    assert (read.kind, read.recordings, read.problem) == ("unknown", (), problem)


@pytest.mark.parametrize("name", ["ride.pwx", "a/ride.SML", "ride.hrm", "ride.pwx.gz"])
def test_a_known_format_that_is_not_read_says_what_to_export_instead(name: str) -> None:
    read = read_file(b"<pwx/>", name, RECEIVED)
    assert (read.kind, read.recordings) == ("unknown", ())
    assert "is not read. Export" in (read.problem or "")


def test_a_gzip_file_in_several_pieces_is_one() -> None:
    assert read_file(gzip.compress(GPX[:700]) + gzip.compress(GPX[700:]), "", RECEIVED).recordings[0].track.height == 60


@pytest.mark.parametrize("content", [FIT, GPX, TCX], ids=["fit", "gpx", "tcx"])
def test_of_a_cut_gzip_file_what_was_unpacked_is_read(content: bytes) -> None:
    packed = gzip.compress(content, compresslevel=0)
    (one,) = read_file(packed[: len(packed) * 3 // 4], "", RECEIVED).recordings
    assert 20 < one.track.height < 60
    assert Flag.TRUNCATED in one.flags


def test_a_small_file_that_unpacks_to_a_large_one_is_not_unpacked_whole() -> None:
    limits = ImportLimits(file_bytes=1_000_000)
    for size, is_read in ((1_000_000, True), (1_000_001, False), (30_000_000, False)):
        packed = gzip.compress(GPX + b" " * (size - len(GPX)), compresslevel=1)
        unpacked, _ = unpack(packed, limits)
        assert len(unpacked) == min(size, 1_000_001)
        read = read_file(packed, "tour.gpx.gz", RECEIVED, limits)
        assert (read.kind == "activity", read.limited == {}) == (is_read, is_read)
    assert read.limited == {"file_bytes": 1_000_000}
    assert read.problem == "It is larger than 1 MB unpacked; it was not read."


def test_a_gzip_file_of_more_members_than_any_program_writes_ends() -> None:
    empty = gzip.compress(b"")
    read = read_file(gzip.compress(GPX) + empty * (MOST_MEMBERS - 1), "", RECEIVED)
    assert (len(read.recordings), read.problem) == (1, None)
    read = read_file(gzip.compress(GPX) + empty * MOST_MEMBERS, "", RECEIVED)
    assert (len(read.recordings), read.problem) == (1, "A part of the file could not be read; the rest is kept.")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<gpx version='1.1'><trk><na", "It ends in the middle, before anything that is an activity."),
        (b"<kml><Document><Placem", "It ends in the middle, before anything that is an activity."),
        (b"<TrainingCenterDatabase><Act", "It ends in the middle, before anything that is an activity."),
        (b"<gpx><trk><trkseg><<<>>></gpx>", "It is damaged, and no activity was found in it."),
        (made.fit(made.file_id(2))[:-1] + b"!", "Its checksum doesn't match, and no activity was found in it."),
    ],
)
def test_where_nothing_is_kept_nothing_is_said_to_be(content: bytes, problem: str) -> None:
    assert read_file(content, "", RECEIVED).problem == f"{problem} Export or copy it once more."


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "head",
    [f'<!DOCTYPE gpx [<!ENTITY l0 "ha">{LAUGHS}]>', '<!DOCTYPE gpx [<!ENTITY l11 SYSTEM "file:///etc/hostname">]>'],
    ids=["a_billion_laughs", "a_file_of_this_machine"],
)
def test_an_entity_is_not_expanded(head: str) -> None:
    read = read_file(made.gpx(made.trkpt(0), about="<name>&l11;</name>", head=head).encode(), "", RECEIVED)
    assert all(one.name is None for one in read.recordings)


@pytest.mark.parametrize(
    "nested", ["<a>" * 200_000, "<trkpt>" * 200_000, "<trk><trkseg>" * 100_000], ids=["unknown", "points", "tracks"]
)
def test_nesting_has_an_end(nested: str) -> None:
    read = read_file(f"<gpx>{nested}".encode(), "", RECEIVED)
    assert read.problem is not None


@pytest.mark.parametrize(
    "content",
    [
        lambda many: made.fit(made.definition(0, made.RECORD), bytes(many)),
        lambda many: b"<gpx><trk><trkseg>" + b"<trkpt/>" * many + b"</trkseg></trk></gpx>",
    ],
    ids=["fit", "gpx"],
)
@pytest.mark.parametrize("per_frame", [100, 333, 501])
def test_too_many_points_stop(content: Callable[[int], bytes], per_frame: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "PER_FRAME", per_frame)
    limits = ImportLimits(points=500)
    read = [read_file(content(many), "", RECEIVED, limits) for many in (500, 501, 2_000)]
    assert [each.limited for each in read] == [{}, {"points": 500}, {"points": 500}]
    assert {each.problem for each in read[1:]} == {
        "It holds more than 500 points, 5,000,000 messages or 20,000 recordings; what stands before is kept. Divide it for the rest."
    }


def test_the_points_before_the_limit_are_kept() -> None:
    for content in (FIT, GPX, TCX):
        (one,) = read_file(content, "", RECEIVED, ImportLimits(points=40)).recordings
        assert (one.track.height, Flag.OVER_LIMIT in one.flags) == (40, True)
        (whole,) = read_file(content, "", RECEIVED, ImportLimits(points=60)).recordings
        assert (whole.track.height, Flag.OVER_LIMIT in whole.flags) == (60, False)


def test_messages_of_a_fit_file_beyond_the_limit_are_not_read() -> None:
    (one,) = (read := read_file(FIT, "", RECEIVED, ImportLimits(points=1, messages=30))).recordings
    assert (one.track.height, read.limited) == (1, {"points": 1})
    (one,) = (read := read_file(FIT, "", RECEIVED, ImportLimits(points=60, messages=30))).recordings
    assert (one.track.height, read.limited) == (29, {"points": 60})  # the first message says what the file is


@pytest.mark.dear
@pytest.mark.parametrize("content", [FIT, GPX, TCX], ids=["fit", "gpx", "tcx"])
def test_no_byte_makes_reading_fail(content: bytes) -> None:
    """Cut, changed, lost and doubled bytes: whatever comes out, it comes out, and no more points than were there twice."""
    dice = random.Random(20_240_501)
    for _ in range(examples(300)):
        at, many = dice.randrange(len(content)), dice.choice([1, 3, 40])
        changed = bytearray(content)
        match dice.randrange(4):
            case 0:
                del changed[at:]
            case 1:
                changed[at : at + many] = dice.randbytes(many)
            case 2:
                del changed[at : at + many]
            case _:
                changed[at:at] = changed[at : at + 500]
        read = read_file(bytes(changed), "x", RECEIVED)
        assert sum(one.track.height for one in read.recordings) <= 120
        assert "52." not in str(read.problem), "no position is in a problem"


@pytest.mark.parametrize(
    ("latitude", "longitude", "at", "name", "hours"),
    [
        (52.52, 13.40, WINTER, "Europe/Berlin", 1),
        (52.52, 13.40, SUMMER, "Europe/Berlin", 2),
        (52.52, 13.40, datetime(2024, 10, 27, 0, 59, tzinfo=UTC), "Europe/Berlin", 2),
        (52.52, 13.40, datetime(2024, 10, 27, 1, 0, tzinfo=UTC), "Europe/Berlin", 1),
        (-33.87, 151.21, WINTER, "Australia/Sydney", 11),
        (40.01, -105.27, SUMMER, "America/Denver", -6),
        (27.70, 85.32, SUMMER, "Asia/Kathmandu", 5.75),
        (1.87, -157.43, SUMMER, "Pacific/Kiritimati", 14),
        (0, -179.9, SUMMER, "Etc/GMT+12", -12),
        (0, 179.9, SUMMER, "Etc/GMT-12", 12),
    ],
)
def test_a_place_has_zone_and_offset(latitude: float, longitude: float, at: datetime, name: str, hours: float) -> None:
    assert zone_at(latitude, longitude, at) == Zone(name, hours * 3600)


def test_a_recording_has_the_zone_of_its_first_position() -> None:
    points = made.trkpt(0, "?", "?") + made.trkpt(1, 52.52, 13.40) + made.trkpt(2, 40.0, -105.0)
    (one,) = read_file(made.gpx(points).encode(), "", made.RECEIVED).recordings
    assert zone_of(one) == Zone("Europe/Berlin", 7200)


def test_a_fault_of_a_reader_is_a_problem_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.READERS, Format.GPX, lambda *_: 1 / 0)
    found, tracks = reading.read_whole(GPX, "a.gpx", RECEIVED)
    assert (found.recordings, tracks, found.problem) == ([], [], reading.FAULT.format(kind="ZeroDivisionError"))


BERLIN, NOWHERE = made.trkpt(0, 52.52, 13.40), made.trkpt(0, "?", "?")


@pytest.mark.parametrize(
    ("point", "sport", "said", "clock"),
    [
        (BERLIN, "cycling", None, Clock("Europe/Berlin", 7200.0, ClockBy.PLACE)),
        (BERLIN, "cycling", 0.0, Clock("Europe/Berlin", 7200.0, ClockBy.PLACE)),
        (BERLIN, "cycling", 3600.0, Clock("Europe/Berlin", 7200.0, ClockBy.PLACE)),
        (BERLIN, "VirtualRide", None, Clock()),
        (BERLIN, "VirtualRide", 0.0, Clock()),
        (BERLIN, "VirtualRide", -25_200.0, Clock(None, -25_200.0, ClockBy.FILE)),
        (NOWHERE, "cycling", None, Clock()),
        (NOWHERE, "cycling", 0.0, Clock()),
        (NOWHERE, "cycling", 3600.0, Clock(None, 3600.0, ClockBy.FILE)),
    ],
)
def test_the_clock_is_the_places_and_else_the_devices(point: str, sport: str, said: float | None, clock: Clock) -> None:
    (one,) = read_file(made.gpx(point, about=f"<type>{sport}</type>").encode(), "", made.RECEIVED).recordings
    assert clock_of(replace(one, utc_offset_s=said)) == clock


def test_without_a_date_there_is_a_zone_and_no_offset() -> None:
    assert zone_at(52.52, 13.40, None) == Zone("Europe/Berlin", None)


@pytest.mark.parametrize(("date", "longitude"), [("0001-01-01T00", -74.0), ("9999-12-31T23", 139.0)])
def test_a_date_at_the_end_of_the_calendar_has_no_clock(date: str, longitude: float) -> None:
    point = made.trkpt(0, 40.0, longitude).replace("2024-05-01T08", date)
    (one,) = read_file(made.gpx(point).encode(), "", made.RECEIVED).recordings
    assert clock_of(one) == Clock()
