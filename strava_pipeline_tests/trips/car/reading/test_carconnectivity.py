"""Cars asked through CarConnectivity: what vehicles say becomes a reading, what goes wrong becomes a reading without an answer."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.trips.car.reading.carconnectivity import FRESH, PAUSE, CarConnectivityCars
from strava_pipeline.trips.car.reading.reading import Trouble, unanswered
from strava_pipeline.trips.car.rules.lines import CarReading
from strava_pipeline_tests.trips.car.reading.connectivity import (
    START,
    AuthenticationError,
    Clock,
    ConfigurationError,
    Connector,
    Garage,
    Length,
    Package,
    PositionType,
    RetrievalError,
    State,
    Step,
    TemporaryAuthenticationError,
    TooManyRequestsError,
    Vehicle,
    installed,
    raising,
)

Told = Callable[[Callable[[Vehicle], object]], CarReading]
VIN, OTHER_VIN = "TESTVHN0T0REALCAR", "TESTVHN0T0REALCA2"
VINS = {("anna", "zoe"): VIN, ("anna", "clio"): OTHER_VIN, ("ben", "zoe"): VIN.lower()}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Package:
    return installed(monkeypatch)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, {"carConnectivity": {"connectors": [{"type": "vw", "config": {"username": "u"}}]}})


@pytest.fixture
def cars(package: Package, config: Path, clock: Clock) -> CarConnectivityCars:
    return CarConnectivityCars(config, VINS, now=clock)


class Lines(logging.Handler):
    """What reaches the process's own log; pytest's would also listen where nothing gets through to there."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    handler, root = Lines(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    return handler.lines


def written(folder: Path, value: object) -> Path:
    path = folder / "carconnectivity.json"
    path.write_text(json.dumps(value))
    return path


def saying(clock: Clock, change: Callable[[Vehicle], object], vin: str = VIN) -> Step:
    """A fetch that brings a vehicle and what it says."""

    def fetch(garage: Garage, connector: Connector) -> None:
        change(garage.vehicles.setdefault(vin, Vehicle(clock, connector)))

    return fetch


def asked(cars: CarConnectivityCars, clock: Clock, car_id: str = "zoe", user_id: str = "anna") -> CarReading:
    return cars.ask(car_id, clock(), user_id)


@pytest.fixture
def told(cars: CarConnectivityCars, package: Package, clock: Clock) -> Told:
    """What is read of a car of which one fetch says what the change does to it."""

    def reading(change: Callable[[Vehicle], object]) -> CarReading:
        package.fetches["vw"] = [saying(clock, change)]
        return asked(cars, clock)

    return reading


def test_a_parked_car_tells_where_it_is_and_its_km(told: Told) -> None:
    def park(vehicle: Vehicle) -> None:
        vehicle.park(measured=START - timedelta(hours=1))
        vehicle.odometer.set(12_345.0, START - timedelta(hours=1), Length.KM)

    reading = told(park)
    assert reading == CarReading(
        car_id="zoe", answered_at=START, is_parked=True, odometer=12_345.0, lat=0.25, lng=-7.125
    )
    assert "7.125" not in repr(reading)


@pytest.mark.parametrize(
    ("state", "position", "parked"),
    [
        (State.DRIVING, None, False),
        (State.DRIVING, PositionType.PARKING, False),
        (State.IGNITION_ON, None, False),
        (State.IGNITION_ON, PositionType.DRIVING, False),
        (State.IGNITION_ON, PositionType.PARKING, None),
        (State.PARKED, PositionType.PARKING, True),
        (State.PARKED, None, True),
        (State.OFFLINE, PositionType.PARKING, None),
        (State.INVALID, PositionType.PARKING, None),
        (State.UNKNOWN, PositionType.DRIVING, None),
        (None, None, None),
        ("parked", None, None),
    ],
)
def test_what_nobody_knows_is_neither_parked_nor_driving(
    told: Told, state: object, position: PositionType | None, parked: bool | None
) -> None:
    def say(vehicle: Vehicle) -> None:
        vehicle.state.set(state)
        vehicle.position.position_type.set(position)

    assert told(say).is_parked is parked


@pytest.mark.parametrize(
    ("value", "unit", "km"),
    [
        (100.0, Length.KM, 100.0),
        (100.0, Length.MI, 160.9344),
        (1000, Length.M, 1.0),
        (0.0, Length.KM, 0.0),
        (100.0, Length.UNKNOWN, None),
        (100.0, None, None),
        (-1.0, Length.KM, None),
        (float("nan"), Length.KM, None),
        (None, Length.KM, None),
    ],
)
def test_odometers_are_in_kilometres(told: Told, value: float | None, unit: Length | None, km: float | None) -> None:
    found = told(lambda vehicle: vehicle.odometer.set(value, None, unit)).odometer
    assert found == (None if km is None else pytest.approx(km))


@pytest.mark.parametrize(("lat", "lng"), [(None, -7.125), (0.25, None), (91.0, 0.0), (0.25, float("nan"))])
def test_half_a_position_is_none(told: Told, lat: float | None, lng: float | None) -> None:
    reading = told(lambda vehicle: vehicle.park(lat, lng))
    assert (reading.lat, reading.lng, reading.is_parked) == (None, None, True)


def test_a_driving_car_tells_when_it_knew_so(cars: CarConnectivityCars, package: Package, clock: Clock) -> None:
    before = START - timedelta(seconds=20)
    package.fetches["vw"] = [
        saying(clock, lambda vehicle: vehicle.state.set(State.DRIVING, before)),
        saying(clock, lambda vehicle: vehicle.state.set(State.DRIVING, before)),
        saying(clock, lambda vehicle: vehicle.state.set(State.DRIVING)),
    ]
    assert asked(cars, clock).measured_at == before
    clock.go_on(60)
    assert asked(cars, clock).measured_at == before, "the same again, and not of now"
    clock.go_on(60)
    reading = asked(cars, clock)
    assert reading.measured_at is None, "its service tells no time"
    assert reading.at == START + timedelta(seconds=120)


def test_of_a_car_unaware_the_odometer_s_time_counts(told: Told) -> None:
    before = START - timedelta(minutes=20)

    def say(vehicle: Vehicle) -> None:
        vehicle.state.set(State.UNKNOWN)
        vehicle.odometer.set(100.0, before, Length.KM)

    reading = told(say)
    assert (reading.is_parked, reading.odometer, reading.measured_at) == (None, 100.0, before)


def test_what_was_measured_before_an_ask_is_kept(cars: CarConnectivityCars, package: Package, clock: Clock) -> None:
    """The package alone would drop it: it takes the second coming of a value for a measurement of that moment."""

    def drive(vehicle: Vehicle) -> None:
        vehicle.leave()
        vehicle.odometer.set(100.0, START - timedelta(minutes=5), Length.KM)

    def park(vehicle: Vehicle) -> None:
        vehicle.park(measured=START + timedelta(seconds=70))
        vehicle.odometer.set(108.0, START + timedelta(seconds=70), Length.KM)

    package.fetches["vw"] = [saying(clock, drive), saying(clock, drive), saying(clock, drive), saying(clock, park)]
    for _ in range(3):
        assert asked(cars, clock).is_parked is False
        clock.go_on(40)
    reading = asked(cars, clock)  # 120 s after the start
    assert (reading.is_parked, reading.odometer, reading.lat) == (True, 108.0, 0.25)


def test_what_a_fetch_didn_t_bring_is_not_told_again(cars: CarConnectivityCars, package: Package, clock: Clock) -> None:
    package.fetches["vw"] = [saying(clock, lambda vehicle: vehicle.park()), saying(clock, lambda vehicle: None)]
    assert asked(cars, clock).is_parked is True
    clock.go_on(60)
    reading = asked(cars, clock)
    assert (reading.is_parked, reading.lat, reading.error) == (None, None, None)


def test_one_fetch_serves_all_cars_of_a_moment(cars: CarConnectivityCars, package: Package, clock: Clock) -> None:
    def both(garage: Garage, connector: Connector) -> None:
        saying(clock, lambda vehicle: vehicle.park())(garage, connector)
        saying(clock, lambda vehicle: vehicle.leave(), OTHER_VIN)(garage, connector)

    package.fetches["vw"] = [both, both]
    assert asked(cars, clock).is_parked is True
    clock.go_on(FRESH.total_seconds())
    assert asked(cars, clock, "clio").is_parked is False
    assert asked(cars, clock, user_id="ben").is_parked is True, (
        "a VIN may be written small, and a car may be two people's"
    )
    assert package.fetched == ["vw"]
    clock.go_on(0.1)
    asked(cars, clock)
    assert package.fetched == ["vw", "vw"]
    assert len(package.services) == 1, "one login"


def test_cars_that_there_are_none_of(cars: CarConnectivityCars, package: Package, clock: Clock) -> None:
    assert asked(cars, clock, "tesla").error == Trouble.UNKNOWN_CAR
    assert asked(cars, clock, user_id="eve").error == Trouble.UNKNOWN_CAR
    assert package.fetched == [], "nobody was asked"
    assert asked(cars, clock).error == Trouble.UNKNOWN_CAR, "the login has no such car"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (RetrievalError(f"https://example.org/{VIN}"), Trouble.UNAVAILABLE),
        (TooManyRequestsError(VIN), Trouble.TOO_MANY),
        (TemporaryAuthenticationError(VIN), Trouble.LOGIN),
        (ConnectionResetError(VIN), Trouble.UNAVAILABLE),
        (KeyError(VIN), Trouble.FAILED),
        (RecursionError(VIN), Trouble.FAILED),
    ],
)
def test_whatever_goes_wrong_is_a_reading_and_told_once(
    cars: CarConnectivityCars, package: Package, clock: Clock, logged: list[str], error: Exception, trouble: Trouble
) -> None:
    package.fetches["vw"] = [raising(error)] * 2
    assert asked(cars, clock) == unanswered("zoe", START, trouble)
    clock.go_on(60)
    assert asked(cars, clock).error == trouble
    told = f"cars can't be asked through CarConnectivity: {trouble} ({type(error).__name__})."
    assert logged == [told], "without the error's text, and without what the package itself logs"


def test_a_service_that_recovers_is_warned_of_again(
    cars: CarConnectivityCars, package: Package, clock: Clock, logged: list[str]
) -> None:
    fault = raising(RetrievalError())
    package.fetches["vw"] = [fault, saying(clock, lambda vehicle: vehicle.park()), fault]
    found = []
    for _ in range(3):
        found.append(asked(cars, clock).error)
        clock.go_on(60)
    assert found == [Trouble.UNAVAILABLE, None, Trouble.UNAVAILABLE]
    assert len(logged) == 2


@pytest.mark.parametrize("error", [TooManyRequestsError(), AuthenticationError()])
def test_who_wants_no_ask_has_none(cars: CarConnectivityCars, package: Package, clock: Clock, error: Exception) -> None:
    package.fetches["vw"] = [raising(error), saying(clock, lambda vehicle: vehicle.park())]
    first = asked(cars, clock).error
    clock.go_on(PAUSE.total_seconds() - 1)
    assert asked(cars, clock).error == first
    assert package.fetched == ["vw"]
    clock.go_on(FRESH.total_seconds() + 1)
    assert asked(cars, clock).error is None


def test_a_refused_login_is_not_tried_by_every_ping(cars: CarConnectivityCars, package: Package, clock: Clock) -> None:
    package.refusals = [AuthenticationError(), ConfigurationError()]
    assert asked(cars, clock).error == Trouble.LOGIN
    clock.go_on(60)
    assert asked(cars, clock).error == Trouble.LOGIN
    assert len(package.configs) == 1
    clock.go_on(PAUSE.total_seconds())
    assert asked(cars, clock).error == Trouble.MISCONFIGURED
    clock.go_on(PAUSE.total_seconds())
    assert asked(cars, clock).error == Trouble.UNKNOWN_CAR, "logged in, and the car isn't there"


def test_one_maker_that_fails_leaves_the_others_cars_alone(package: Package, tmp_path: Path, clock: Clock) -> None:
    path = written(tmp_path, {"carConnectivity": {"connectors": [{"type": "vw"}, {"type": "skoda"}]}})
    cars = CarConnectivityCars(path, VINS, now=clock)
    package.fetches["vw"] = [saying(clock, lambda vehicle: vehicle.park()), raising(TooManyRequestsError())]
    package.fetches["skoda"] = [saying(clock, lambda vehicle: vehicle.leave(), OTHER_VIN)] * 2
    assert (asked(cars, clock).is_parked, asked(cars, clock, "clio").is_parked) == (True, False)
    clock.go_on(60)
    assert asked(cars, clock).error == Trouble.TOO_MANY
    assert asked(cars, clock, "clio").is_parked is False


def test_of_the_package_only_the_asking_is_used(
    package: Package, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = logging.Formatter("%(message)s, ours")
    handler = logging.NullHandler()
    handler.setFormatter(ours)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    tokens = tmp_path / "tokens.json"
    connectors = [{"type": "vw", "config": {"username": "u"}}, {"type": "own", "config": {"max_age": 5}}]
    path = written(tmp_path, {"carConnectivity": {"connectors": connectors, "plugins": [{"type": "mqtt"}]}})
    cars = CarConnectivityCars(path, VINS, tokens=tokens, now=clock)
    asked(cars, clock)
    config, kept = package.configs[0]
    assert config["carConnectivity"]["plugins"] == []
    assert [each["config"].get("max_age") for each in config["carConnectivity"]["connectors"]] == [0, 5]
    assert kept == str(tokens)
    assert tokens.stat().st_mode & 0o777 == 0o600
    assert package.services[0].services == {}, "no position goes to its geocoder"
    assert handler.formatter is ours, "our log lines look as before"
    cars.close()
    cars.close()
    assert package.shut_down == 1


def test_closing_does_not_wait_for_who_hangs(
    cars: CarConnectivityCars, package: Package, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strava_pipeline.trips.car.reading.carconnectivity._CLOSING", 0.01)
    package.fetches["vw"] = [lambda garage, connector: cars.close()]  # while the question is under way
    asked(cars, clock)
    assert package.shut_down == 0


def test_without_the_package_it_is_told_how_to_get_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "carconnectivity", None)
    monkeypatch.delitem(sys.modules, "carconnectivity.carconnectivity", raising=False)
    with pytest.raises(PipelineError, match=r"pip install 'strava_pipeline\[cars\]'"):
        CarConnectivityCars(config, VINS)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"\xff", b"{}", b'{"carConnectivity": 5}', b'{"carConnectivity": {"connectors": []}}', None],
)
def test_a_configuration_that_is_none_is_told_at_once(package: Package, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "carconnectivity.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"carconnectivity\.json"):
        CarConnectivityCars(path, VINS)


def test_the_stand_in_has_the_names_of_the_real_package() -> None:
    real = pytest.importorskip("carconnectivity.vehicle")
    units, position = pytest.importorskip("carconnectivity.units"), pytest.importorskip("carconnectivity.position")
    errors = pytest.importorskip("carconnectivity.errors")

    def texts(enumeration: Any) -> Mapping[str, str]:
        return {each.name: each.value for each in enumeration}

    assert texts(real.GenericVehicle.State) == texts(State)
    assert texts(position.Position.PositionType) == texts(PositionType)
    assert texts(units.Length) == texts(Length)
    for ours in (ConfigurationError, RetrievalError, TooManyRequestsError, TemporaryAuthenticationError):
        theirs = getattr(errors, ours.__name__)
        assert {base.__name__ for base in ours.__mro__} <= {base.__name__ for base in theirs.__mro__}
