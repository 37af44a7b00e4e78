"""Which lines of the log are complete, and what the tracker is answered out of it."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.trips.car.rules.lines import (
    MOMENT,
    AnswerLine,
    CarReading,
    Line,
    LoggedAnswers,
    MissingCarAnswerError,
    MissingRouteError,
    ReceivedLine,
    RouteReading,
    line_bytes,
    parse_line,
    route_key,
    whole_part,
)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()
POINTS = ((16.37, 48.2), (16.4, 48.21))
SECOND = timedelta(seconds=1)


def ping(identity: str, kind: str = "ping", ago: timedelta = SECOND) -> ReceivedLine:
    return ReceivedLine(id=identity, kind=kind, user_id="ada", received_at=NOW - ago, body="{}")  # type: ignore[arg-type]


def answer(to: str) -> AnswerLine:
    return AnswerLine(to=to, user_id="ada")


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        ([], 0),
        ([ping("a")], 0),
        ([ping("a"), answer("a")], 2),
        ([ping("a"), ping("b"), answer("a")], 0),
        ([ping("a"), answer("a"), ping("b")], 2),
        ([ping("a"), ping("b"), answer("b"), answer("a"), ping("c")], 4),
        ([ping("a", "config"), ping("b")], 1),
        ([None, ping("a")], 1),
        ([ping("a", "end"), None], 0),
        ([answer("z")], 1),
        ([ping("a", ago=2 * MOMENT)], 0),  # its answer may still come
        ([ping("a", ago=2 * MOMENT + SECOND)], 1),
        ([ping("a", ago=-2 * MOMENT)], 0),  # a clock was set back
        ([ping("a", ago=-2 * MOMENT - SECOND)], 1),
    ],
)
def test_lines_are_complete_once_each_has_its_answers_or_waits_for_none(lines: list[Line | None], whole: int) -> None:
    assert whole_part(lines, NOW) == whole


@pytest.mark.parametrize("line", [ping("a"), answer("a")])
def test_a_line_reads_back_and_rubbish_is_none(line: Line) -> None:
    assert parse_line(line_bytes(line)) == line
    assert parse_line(line_bytes(line)[:-1]) is None


def reading(seconds: float = 0, **changes: object) -> CarReading:
    return CarReading.model_validate(
        {
            "car_id": "car",
            "answered_at": NOW + timedelta(seconds=seconds),
            "is_parked": True,
            "odometer": 5.0,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("read", "parked"),
    [
        (reading(), True),
        (reading(50), True),
        (reading(51), None),
        (reading(500, measured_at=NOW), True),
        (reading(measured_at=NOW - timedelta(hours=1)), None),
        (reading(error="asleep"), None),
    ],
)
def test_a_car_is_answered_for_by_what_it_said_at_that_moment(read: CarReading, parked: bool | None) -> None:
    answers = LoggedAnswers(
        answer("a").model_copy(update={"cars": (read, reading(is_parked=False))}), AT, asks_cars=True
    )
    found = answers.car("car")
    assert (found.is_parked if found else None) is parked
    assert answers.unknown == []


def test_what_nobody_asked_is_asked_where_somebody_can_and_else_no_answer() -> None:
    routed = answer("a").model_copy(update={"routes": (RouteReading(key=route_key(POINTS), km=4.5),)})
    silent = answer("a").model_copy(update={"routes": (RouteReading(key=route_key(POINTS), km=None),)})
    for asks in (False, True):
        assert LoggedAnswers(routed, AT, asks_routes=asks).route(POINTS) == 4.5
        assert LoggedAnswers(silent, AT, asks_routes=asks).route(POINTS) is None
    nothing = LoggedAnswers(None, AT)
    assert (nothing.car("car"), nothing.unknown, nothing.route(POINTS)) == (None, ["car"], None)
    with pytest.raises(MissingCarAnswerError):
        LoggedAnswers(None, AT, asks_cars=True).car("car")
    with pytest.raises(MissingRouteError):
        LoggedAnswers(routed, AT, asks_routes=True).route(POINTS[::-1])
