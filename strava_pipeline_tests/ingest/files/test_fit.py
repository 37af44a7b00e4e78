"""FIT files: what devices write, what breaks on the way, and what comes out."""

import struct
from datetime import timedelta
from itertools import pairwise

import pytest

from strava_pipeline.core.files.recording import DecodedFile, Flag
from strava_pipeline.ingest.files.fit import _twelve_bits
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline_tests.ingest.files import made
from strava_pipeline_tests.ingest.files.made import BEGAN, FIT_BEGAN, RECEIVED, S32, U8, U16, U32

DAY = 86_400

WHOLE = made.fit(made.file_id(), made.records(60), made.lap(0, 30), made.lap(30, 30), made.session(0, 60))


def read(content: bytes) -> DecodedFile:
    return read_file(content, "ride.fit", RECEIVED)


def test_a_session_is_a_recording_with_its_track_and_laps() -> None:
    found = read(WHOLE)
    (run,) = found.recordings
    assert (found.format, found.kind, found.problem) == ("fit", "activity", None)
    assert (run.sport, run.creator, run.started_at) == ("running", "Garmin fēnix 5", BEGAN)
    assert (run.elapsed_s, run.moving_s, run.distance_m) == (60, 54, 180)
    assert run.track.height == 60
    assert run.track.row(59, named=True) == {
        "at": BEGAN + timedelta(seconds=59),
        "latitude": pytest.approx(52, abs=1e-6),
        "longitude": pytest.approx(13, abs=1e-6),
        "altitude": None,
        "distance": 177.0,
        "speed": None,
        "heartrate": 120.0,
        "cadence": None,
        "watts": None,
        "temperature": None,
    }
    assert [lap["started_at"] - BEGAN for lap in run.laps] == [timedelta(0), timedelta(seconds=30)]
    assert run.laps[0] | {"started_at": None} == {"started_at": None, "elapsed_s": 30.0, "trigger": "manual"}
    assert run.flags == set()


def test_a_serial_number_is_nowhere() -> None:
    assert "31415926" not in repr(read(WHOLE))


def test_each_sport_of_a_multisport_file_is_a_recording_and_no_point_is_lost() -> None:
    sports = [(0, 5), (20, 3), (25, 2)]  # begin, sport
    found = read(
        made.fit(
            made.file_id(),
            made.records(60),
            *(made.session(at, 5, sport=sport) for at, sport in sports),
            made.lap(21, 3),
        )
    )
    assert [(one.place, one.sport, one.track.height, len(one.laps)) for one in found.recordings] == [
        (0, "swimming", 20, 0),
        (1, "transition", 5, 1),
        (2, "cycling", 35, 0),
    ]


SETTINGS = made.fit(made.file_id(2))
UNENDED = made.fit(made.file_id(), made.records(60), length=0)  # whole, of what never writes its length


@pytest.mark.parametrize(
    ("content", "heights", "flags"),
    [
        pytest.param(WHOLE + WHOLE, [60, 60], [set(), set()], id="two_files_chained"),
        pytest.param(
            WHOLE + WHOLE[:-1] + b"!", [60, 60], [set(), {Flag.BAD_CHECKSUM}], id="a_bad_checksum_in_the_second"
        ),
        pytest.param(WHOLE + b"not a header", [60], [{Flag.DAMAGED}], id="a_broken_header_behind"),
        pytest.param(WHOLE + b"junk" + WHOLE, [60, 60], [{Flag.DAMAGED}, set()], id="junk_between"),
        pytest.param(WHOLE + bytes(100), [60], [set()], id="padding_behind"),
        pytest.param(WHOLE + SETTINGS, [60], [set()], id="settings_behind"),
        pytest.param(SETTINGS + WHOLE, [60], [set()], id="settings_before"),
        pytest.param(WHOLE + SETTINGS[:-9], [60], [{Flag.TRUNCATED}], id="cut_off_settings_behind"),
        pytest.param(UNENDED[:-2], [60], [{Flag.TRUNCATED}], id="a_device_that_died_before_it_wrote_the_length"),
        pytest.param(UNENDED[:-2] + WHOLE, [60, 60], [{Flag.TRUNCATED}, set()], id="the_same_with_a_file_behind"),
        pytest.param(
            made.fit(made.file_id(), made.records(60), length=1_000_000)[:-2],
            [60],
            [{Flag.TRUNCATED}],
            id="a_length_beyond_the_end",
        ),
        pytest.param(UNENDED, [60], [set()], id="a_whole_file_of_a_program_that_never_writes_the_length"),
    ],
)
def test_each_part_of_a_chain_is_read_by_itself(content: bytes, heights: list[int], flags: list[set[Flag]]) -> None:
    found = read(content).recordings
    assert [one.track.height for one in found] == heights
    assert [one.flags for one in found] == flags


@pytest.mark.parametrize("lost", [1, 3, 10, 40])
def test_behind_lost_bytes_the_rest_of_the_ride_is_read(lost: int) -> None:
    whole = made.fit(made.file_id(), made.records(300), made.session(0, 300))
    cut = len(whole) // 2
    (run,) = read(whole[:cut] + whole[cut + lost :]).recordings
    assert run.track.height >= 300 - 2 - lost // 18
    assert run.track["at"].drop_nulls().is_sorted()
    assert run.track["at"].max() == BEGAN + timedelta(seconds=299)
    assert Flag.DAMAGED in run.flags or Flag.TRUNCATED in run.flags


@pytest.mark.dear
def test_a_file_cut_anywhere_gives_the_points_before_the_cut() -> None:
    heights = []
    for end in [*range(0, len(WHOLE), 11), len(WHOLE) - 1]:
        found = read(WHOLE[:end])
        heights.append(sum(one.track.height for one in found.recordings))
        assert end < 12 or found.problem is not None
    assert all(before <= after for before, after in pairwise(heights))
    assert heights[-1] == 60


def test_points_without_a_session_are_a_recording() -> None:
    (one,) = read(made.fit(made.file_id(), made.records(60))).recordings
    assert (one.started_at, one.elapsed_s, one.distance_m, one.sport) == (BEGAN, 59, 177, None)


@pytest.mark.parametrize(
    ("number", "kind"), [(2, "settings"), (5, "workout"), (6, "course"), (9, "weight"), (32, "monitoring_b")]
)
def test_what_is_no_activity_is_named_and_gives_no_recording(number: int, kind: str) -> None:
    found = read(made.fit(made.file_id(number), made.records(5)))
    assert (found.kind, found.recordings, found.problem) == (kind, (), None)


def test_a_clock_without_a_date_is_flagged_and_keeps_its_seconds() -> None:
    (one,) = read(made.fit(made.file_id(), made.records(60, began=1000), made.session(0, 60, began=1000))).recordings
    assert (one.started_at, one.elapsed_s, one.flags) == (None, 60, {Flag.RELATIVE_CLOCK})
    assert one.track["at"].diff().drop_nulls().unique().to_list() == [timedelta(seconds=1)]


def test_a_clock_without_a_date_takes_that_of_its_file() -> None:
    recorded = (made.records(60, began=1000), made.lap(1000 - FIT_BEGAN, 60), made.session(0, 60, began=1000))
    (one,) = read(made.fit(made.file_id(created=FIT_BEGAN), *recorded)).recordings
    assert (one.started_at, one.elapsed_s, one.flags) == (BEGAN, 60, {Flag.RELATIVE_CLOCK})
    assert (one.track["at"][0], one.laps[0]["started_at"]) == (BEGAN, BEGAN)


@pytest.mark.parametrize(
    ("before", "apart", "moved", "left_out"),
    [(11, 1, 0, 11), (11, 1, 1, 0), (70, 1, 0, 0), (50, 60, 0, 0)],
    ids=["stale", "a way", "too many", "an hour indoors"],
)
def test_points_of_another_day_before_the_rest_are_left_out(before: int, apart: int, moved: int, left_out: int) -> None:
    """They stand still, where a device kept them of an earlier day. Others are the athlete's, before the clock was set."""
    earlier = FIT_BEGAN - 6 * DAY
    stale = (
        made.message(1, made.RECORD, (253, U32, earlier + at * apart), (5, U32, at * 300 * moved))
        for at in range(before)
    )
    whole = made.fit(made.file_id(), *stale, made.records(90), made.session(0, 6 * DAY + 90, began=earlier))
    (one,) = read(whole).recordings
    assert (one.left_out.get("point", 0), one.track.height) == (left_out, 90 + before - left_out)
    indoors = 0 if left_out else (before - 1) * apart + 1
    assert (one.started_at, one.elapsed_s) == (BEGAN - timedelta(seconds=indoors), 89 + indoors)
    assert one.flags == ({Flag.STALE_START} if left_out else {Flag.CLOCK_SET})


@pytest.mark.parametrize(
    ("leaps", "before_position", "began", "elapsed", "flags"),
    [
        ([(200, 20 * DAY)], 200, 0, 299, {Flag.CLOCK_SET}),
        ([(200, 20 * DAY)], 240, 0, 299, {Flag.CLOCK_SET}),  # the position comes later
        ([(200, 8700 * DAY)], 200, 0, 299, {Flag.CLOCK_SET}),  # the battery was empty
        ([(200, -20 * DAY)], 200, 0, 299, {Flag.CLOCK_SET}),
        ([(200, -7200)], 200, 0, 299, {Flag.CLOCK_SET}),
        ([(61, 20 * DAY)], 61, 0, 299, {Flag.CLOCK_SET}),
        ([(200, 20 * DAY)], 100, -20 * DAY, 20 * DAY + 299, {Flag.CLOCK_LEAP}),  # positions before: resumed
        ([(100, 3 * DAY), (200, 20 * DAY)], 200, -23 * DAY, 23 * DAY + 299, {Flag.CLOCK_LEAP}),
        ([(200, 7200)], 200, -7200, 7200 + 299, set()),  # a pause
        ([(200, 20 * DAY)], 300, -20 * DAY, 20 * DAY + 299, {Flag.CLOCK_LEAP}),  # no position at all
    ],
)
def test_a_clock_that_is_set_before_the_first_position_is_right_from_the_start(
    leaps: list[tuple[int, int]], before_position: int, began: int, elapsed: int, flags: set[Flag]
) -> None:
    clock = [FIT_BEGAN + at - sum(by for leap, by in leaps if at < leap) for at in range(300)]
    placed = [((0, S32, 2**29), (1, S32, 2**27 + at)) if at >= before_position else () for at in range(300)]
    points = [made.message(1, made.RECORD, (253, U32, clock[at]), (5, U32, at * 300), *placed[at]) for at in range(300)]
    ended = (
        made.session(0, min(abs(clock[-1] - clock[0]), 40 * DAY), began=clock[0]),
        made.lap(clock[0] - FIT_BEGAN, 300),
    )
    (one,) = read(made.fit(made.file_id(), *points, *ended)).recordings
    assert (one.started_at, one.elapsed_s) == (BEGAN + timedelta(seconds=began), elapsed)
    assert (one.laps[0]["started_at"], one.flags, one.track.height) == (one.started_at, flags, 300)


def test_a_clock_that_runs_ahead_is_flagged_and_not_corrected() -> None:
    ahead = FIT_BEGAN + 86_400 * 3650
    (one,) = read(made.fit(made.file_id(), made.records(5, began=ahead), made.session(0, 5, began=ahead))).recordings
    assert one.started_at == BEGAN + timedelta(days=3650)
    assert one.flags == {Flag.WRONG_CLOCK}


def resumed(days: int, *, before: int = 102, behind: int = 465) -> bytes:
    """A ride whose clock leaps by `days`, and whose lap, session and activity tell the time from before."""
    first, rest = made.records(before), made.records(behind, start=before, began=FIT_BEGAN + days * DAY)
    ended = made.message(4, made.ACTIVITY, (253, U32, FIT_BEGAN + 567))
    return made.fit(made.file_id(), first, rest, made.lap(0, 567), made.session(0, 567), ended)


@pytest.mark.parametrize("days", [20, -20])
def test_every_point_before_and_behind_a_leap_of_the_clock_is_kept(days: int) -> None:
    found = read(resumed(days))
    (ride,) = found.recordings
    assert (ride.track.height, ride.elapsed_s, ride.started_at, found.problem) == (567, 567, BEGAN, None)
    assert ride.track["distance"].is_sorted()
    assert ride.flags == {Flag.CLOCK_LEAP} | ({Flag.UNORDERED_TIMES} if days < 0 else set())


@pytest.mark.parametrize("days", [20, -20])
def test_a_checksum_that_does_not_match_takes_no_point_behind_a_leap(days: int) -> None:
    found = read(resumed(days)[:-1] + b"!")
    (ride,) = found.recordings
    assert ride.track.height == 567
    assert ride.flags - {Flag.UNORDERED_TIMES} == {Flag.CLOCK_LEAP, Flag.BAD_CHECKSUM}
    assert found.problem == "The file's checksum doesn't match; what it says is kept."


@pytest.mark.parametrize(("behind", "lost"), [(10, 3), (30, 3), (200, 1)])
def test_lost_bytes_behind_a_leap_cost_what_lost_bytes_cost(behind: int, lost: int) -> None:
    whole = resumed(20)
    definition = len(made.record(0, first=True)) - len(made.record(0))
    cut = 12 + len(made.file_id()) + 2 * definition + (102 + behind) * len(made.record(0))
    (ride,) = read(whole[:cut] + whole[cut + lost :]).recordings
    assert ride.track.height >= 567 - 2
    assert ride.track["at"].drop_nulls().max() == BEGAN + timedelta(days=20, seconds=566)
    assert {Flag.CLOCK_LEAP, Flag.DAMAGED} <= ride.flags


def test_a_single_time_gone_wrong_is_kept_unless_the_checksum_says_that_bytes_changed() -> None:
    odd = made.records(60) + made.record(60, began=FIT_BEGAN + 30 * DAY) + b"".join(map(made.record, range(61, 120)))
    whole = made.fit(made.file_id(), odd, made.session(0, 120))
    (kept,), (without,) = read(whole).recordings, read(whole[:-1] + b"!").recordings
    assert (kept.track.height, kept.flags) == (120, {Flag.CLOCK_LEAP, Flag.UNORDERED_TIMES})
    assert (without.track.height, without.flags) == (119, {Flag.DAMAGED, Flag.BAD_CHECKSUM})


def test_a_clock_that_gets_its_date_on_the_way_dates_the_recording() -> None:
    points = made.records(5, began=1000) + made.records(60, start=5)
    (one,) = read(made.fit(made.file_id(), points)).recordings
    assert (one.track.height, one.elapsed_s, one.started_at) == (65, 59, BEGAN + timedelta(seconds=5))
    assert one.flags == {Flag.CLOCK_LEAP, Flag.RELATIVE_CLOCK}


@pytest.mark.parametrize(("later", "offset"), [(7200, 7200), (7197, 7200), (20_700, 20_700), (7200 + 400, None)])
def test_a_device_that_knows_local_time_tells_the_offset(later: int, offset: float | None) -> None:
    local = made.message(4, made.ACTIVITY, (253, U32, FIT_BEGAN + 60), (5, U32, FIT_BEGAN + 60 + later))
    (one,) = read(made.fit(made.file_id(), made.records(60), made.session(0, 60), local)).recordings
    assert one.utc_offset_s == offset


def test_compressed_timestamps_go_on_from_the_last_full_one() -> None:
    full = made.message(1, made.RECORD, (253, U32, FIT_BEGAN), (3, U8, 100))
    short = made.definition(2, made.RECORD, (3, U8, 0))
    offsets = [FIT_BEGAN % 32 + seconds for seconds in (1, 2, 3, 40)]
    packed = b"".join(bytes([0x80 | 2 << 5 | offset % 32, 101]) for offset in offsets)
    (one,) = read(made.fit(made.file_id(), full, short, packed)).recordings
    assert [(at - BEGAN).total_seconds() for at in one.track["at"]] == [0, 1, 2, 3, 8]  # 40 goes round at 32


def test_a_pool_swim_has_its_lengths() -> None:
    lengths = [
        made.message(
            5,
            made.LENGTH,
            (253, U32, FIT_BEGAN + at + 30),
            (2, U32, FIT_BEGAN + at),
            (3, U32, 30_000),
            (5, U16, 12),
            (12, made.ENUM, active),
        )
        for at, active in ((0, 1), (30, 0))
    ]
    (swim,) = read(made.fit(made.file_id(), *lengths, made.session(0, 60, sport=5))).recordings
    assert [(length["elapsed_s"], length["cycles"], length["kind"]) for length in swim.lengths] == [
        (30, 12, "active"),
        (30, 12, "idle"),
    ]
    assert swim.track.is_empty()


def test_heart_rates_from_a_strap_fill_points_that_have_none() -> None:
    points = b"".join(made.data(1, (253, U32, FIT_BEGAN + at), (3, U8, 0xFF)) for at in range(1, 6))
    first = made.message(6, made.HR, (253, U32, FIT_BEGAN), (6, U8, 90), (9, U32, 1000 * 1024))
    ticks = [1000 * 1024 + beat * 512 for beat in range(1, 9)]  # two a second
    packed = b"".join(
        bytes([low & 0xFF, (low >> 8 & 0x0F) | (high & 0x0F) << 4, high >> 4 & 0xFF])
        for low, high in zip(ticks[::2], ticks[1::2], strict=True)
    )
    rates = bytes(range(100, 108))
    definition = bytes([0x46, 0, 0]) + struct.pack("<HB", made.HR, 2) + bytes([6, 8, U8, 10, 12, made.BYTES])
    beats = definition + bytes([6]) + rates + packed
    content = made.fit(made.file_id(), made.definition(1, made.RECORD, (253, U32, 0), (3, U8, 0)), points) + made.fit(
        first, beats
    )
    (one,) = read(content).recordings
    assert one.track["heartrate"].to_list() == [97.0, 102.5, 104.5, 106.5, None]
    assert [*_twelve_bits((0x21, 0x43, 0x65))] == [0x321, 0x654]


@pytest.mark.parametrize(
    ("native", "units", "value", "watts", "unknown"),
    [
        pytest.param(7, b"watts\0", b"\xfa\0", 250.0, {}, id="a_standard_field_in_its_unit"),
        pytest.param(7, b"W/kg\0\0", b"\xfa\0", None, {"developer.Power": 1}, id="another_unit"),
        pytest.param(0xFF, b"watts\0", b"\xfa\0", None, {"developer.Power": 1}, id="not_said_to_be_standard"),
        pytest.param(7, b"watts\0", b"", None, {}, id="of_no_byte"),
        pytest.param(7, b"watts\0", b"\xfa\0\0", None, {"record.unknown_4": 1}, id="a_size_of_no_number"),
    ],
)
def test_a_developers_field_is_taken_for_what_it_says_it_is(
    native: int, units: bytes, value: bytes, watts: float | None, unknown: dict[str, int]
) -> None:
    told = made.message(7, made.DEVELOPER_ID, (3, U8, 0)) + made.message(
        7,
        made.FIELD_DESCRIPTION,
        (0, U8, 0),
        (1, U8, 4),
        (2, U8, U16),
        (3, made.STRING, b"Power\0"),
        (8, made.STRING, units),
        (15, U8, native),
    )
    point = made.message(1, made.RECORD, (253, U32, FIT_BEGAN), developer=((4, U16, value),))
    found = read(made.fit(made.file_id(), told, point, made.session(0, 60)))
    assert [(one.track["watts"].to_list(), one.distance_m, one.flags) for one in found.recordings] == [
        ([watts], 180, set())
    ]
    assert found.unknown == unknown


def test_a_distance_that_a_developers_field_tells_stands_for_a_watchs_0() -> None:
    def told(number: int, native: int) -> bytes:
        return made.message(
            7,
            made.FIELD_DESCRIPTION,
            (0, U8, 0),
            (1, U8, number),
            (2, U8, U32),
            (3, made.STRING, b"Distance\0"),
            (8, made.STRING, b"m\0"),
            (15, U8, native),
        )

    developer = made.message(7, made.DEVELOPER_ID, (3, U8, 0))
    points = [
        made.message(
            1, made.RECORD, (253, U32, FIT_BEGAN + t), (5, U32, 0), developer=((4, U32, struct.pack("<I", 3 * t)),)
        )
        for t in (0, 60)
    ]
    session = made.message(
        2,
        made.SESSION,
        (253, U32, FIT_BEGAN + 60),
        (2, U32, FIT_BEGAN),
        (7, U32, 60_000),
        (9, U32, 0),
        developer=((5, U32, struct.pack("<I", 181)),),
    )
    (one,) = read(made.fit(made.file_id(), developer, told(4, 5), told(5, 9), *points, session)).recordings
    assert (one.distance_m, one.track["distance"].to_list()) == (181, [0, 180])


@pytest.mark.parametrize(
    ("told", "more", "distance"),
    [
        (0, {}, None),  # indoors, without a speed sensor
        (0, {5: 0}, None),
        (0, {5: 300}, 0),
        (0, {6: 0}, None),
        (0, {6: 1000}, 0),  # a speed
        (0, {0: 1}, 0),  # a position
        (1_500_000, {}, 15_000),
        (0xFFFFFFFF, {5: 300}, 3),
        (0xFFFFFFFE, {5: 300}, 3),
        (0xFFFFFFFE, {}, None),
    ],
)
def test_a_total_that_nothing_measured_is_none(told: int, more: dict[int, int], distance: float | None) -> None:
    """`more`: values of the last point, by field: 5 is the distance, 6 the speed."""
    fields = {0: ((0, S32, 2**29), (1, S32, 2**27)), 5: ((5, U32, more.get(5, 0)),), 6: ((6, U16, more.get(6, 0)),)}
    points = [
        made.message(1, made.RECORD, (253, U32, FIT_BEGAN), (5, U32, 0), (3, U8, 120)),
        made.message(1, made.RECORD, (253, U32, FIT_BEGAN + 1), *(each for key in more for each in fields[key])),
    ]
    whole = (253, U32, FIT_BEGAN + 60), (2, U32, FIT_BEGAN), (7, U32, 60_000), (9, U32, told)
    (one,) = read(made.fit(made.file_id(), *points, made.message(2, made.SESSION, *whole))).recordings
    assert one.distance_m == distance
