"""The sensors that a FIT file lists: which of them gave which column, by which name."""

import pytest

from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline_tests.ingest.files import made
from strava_pipeline_tests.ingest.files.made import ENUM, FIT_BEGAN, RECEIVED, STRING, U8, U16, U32

RUNNING, CYCLING = 1, 2
ANT, ANT_PLUS, BLE, LOCAL = 0, 1, 3, 5  # sources
GARMIN, STRYD, FAVERO = 1, 95, 263


def device(kind: int, source: int | None = ANT_PLUS, maker: int = 0, model: int = 0, *, at: int = 0) -> bytes:
    fields = ((253, U32, FIT_BEGAN + at), (1, U8, kind), (2, U16, maker), (4, U16, model))
    return made.message(5, 23, *fields, *(() if source is None else ((25, ENUM, source),)))


def sensors(*messages: bytes) -> list[dict[str, str]]:
    content = made.fit(made.file_id(), *messages)
    return [dict(recording.sensors) for recording in read_file(content, "ride.fit", RECEIVED).recordings]


def points(*, start: int = 0) -> bytes:
    """Two points with values of all sensors."""
    values = ((3, U8, 120), (4, U8, 80), (6, U16, 8000), (7, U16, 200), (13, U8, 20))  # 8 m/s, 200 W, 20 °C
    return b"".join(made.message(1, made.RECORD, (253, U32, FIT_BEGAN + at), *values) for at in (start, start + 1))


WRIST, STRAP, POWER, POD = device(10, LOCAL), device(120, ANT_PLUS, GARMIN, 3300), device(11), device(124)


@pytest.mark.parametrize(
    ("sport", "devices", "found"),
    [
        # wrist
        (RUNNING, [WRIST], {"heartrate": "wrist"}),
        # a part of the device has no maker
        (RUNNING, [device(10, LOCAL, 42_768, 8195)], {"heartrate": "wrist"}),
        # an external one stands before the wrist
        (RUNNING, [STRAP, WRIST], {"heartrate": "Garmin HRM-Pro"}),
        # a later name completes and stays
        (RUNNING, [device(120), STRAP, device(120)], {"heartrate": "Garmin HRM-Pro"}),
        # a later name replaces
        (RUNNING, [STRAP, device(1, BLE, GARMIN, 9999)], {"heartrate": "Garmin 9999"}),
        # a model by its older number
        (RUNNING, [device(120, ANT_PLUS, GARMIN, 8)], {"heartrate": "Garmin HRM-Run"}),
        # no model
        (RUNNING, [device(120, ANT_PLUS, GARMIN)], {"heartrate": "Garmin"}),
        # an older device names no source
        (RUNNING, [device(120, None), device(1, None)], {"heartrate": "strap"}),
        # types of no profile
        (RUNNING, [device(120, ANT), device(30)], {}),
        # a runner's power meter gives no cadence
        (RUNNING, [device(11, ANT_PLUS, STRYD, 5)], {"watts": "Stryd 5"}),
        # a foot pod gives cadence
        (RUNNING, [POWER, POD], {"watts": "meter", "cadence": "sensor"}),
        # pedals
        (CYCLING, [device(11, ANT_PLUS, FAVERO, 12)], dict.fromkeys(("watts", "cadence"), "Favero Assioma Duo")),
        # a sensor of its own stands before meter and trainer
        (CYCLING, [POWER, device(122), device(17)], {"watts": "meter", "cadence": "sensor", "speed": "sensor"}),
        # one sensor of two columns
        (CYCLING, [device(121, None), device(25)], dict.fromkeys(("cadence", "speed", "temperature"), "sensor")),
        # a foot pod on a ride
        (CYCLING, [POD], {}),
    ],
)  # fmt: skip
def test_each_column_names_its_sensor(sport: int, devices: list[bytes], found: dict[str, str]) -> None:
    assert sensors(points(), *devices, made.session(0, 60, sport=sport)) == [found]


def test_a_sensor_without_a_value_is_left_out() -> None:
    assert sensors(made.records(2), STRAP, POWER) == [{"heartrate": "Garmin HRM-Pro"}]


def test_a_session_has_its_own_sensors_or_those_listed_once() -> None:
    sessions = made.session(0, 30, sport=CYCLING) + made.session(30, 30, sport=RUNNING)
    track = points() + points(start=40)
    ride, run = {"watts": "meter", "cadence": "meter"}, {"heartrate": "wrist"}
    assert sensors(POWER, track, device(10, LOCAL, at=30), sessions) == [ride, run]
    creator = made.message(6, 23, (253, U32, FIT_BEGAN + 60), (0, U8, 0), (2, U16, GARMIN))
    assert sensors(WRIST, track, creator, sessions) == [run, run]


def test_no_number_of_a_sensor_and_no_name_of_a_person_is_read() -> None:
    about = ((3, U32, 31_415_926), (21, U16, 27_182), (27, STRING, b"Ann's H10 31415926\0"), (19, STRING, b"Ann's\0"))
    strap = made.message(5, 23, (1, U8, 120), (25, ENUM, ANT_PLUS), (2, U16, 123), *about)
    found = read_file(made.fit(made.file_id(), points(), strap), "ride.fit", RECEIVED)
    assert found.recordings[0].sensors == {"heartrate": "Polar"}
    assert not [private for private in ("31415926", "27182", "Ann") if private in repr(found)]
