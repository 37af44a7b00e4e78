"""Cars asked through CarConnectivity (github.com/tillsteinbach/CarConnectivity), which knows the services of several makers.

It is an optional package, imported when it is needed. Only its requests are used: the package polls nothing on its own,
its plugins stay off, and it sends no position to a geocoder. Names and units are those of carconnectivity 0.11
(vehicle.py, position.py, units.py, attributes.py); values are compared by their text, so that reading a vehicle needs
no import.
"""

import importlib
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.core.json_values import finite_number
from strava_pipeline.trips.car.reading.reading import Trouble, unanswered
from strava_pipeline.trips.car.rules.config import read_position
from strava_pipeline.trips.car.rules.lines import CarReading

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=10)
"""How long one fetch counts: it brings all cars of a login, and each car is asked for separately."""

PAUSE = timedelta(minutes=15)
"""How long a service that refused the login or more requests is not asked: trying makes it worse. The package's pause, too."""

_CLOSING = 1.0  # seconds that the process's end waits for a running request
_TROUBLES = {
    "TooManyRequestsError": Trouble.TOO_MANY,
    "AuthenticationError": Trouble.LOGIN,
    "ConfigurationError": Trouble.MISCONFIGURED,
    "CarConnectivityError": Trouble.UNAVAILABLE,  # RetrievalError, APIError, …
    "RequestException": Trouble.UNAVAILABLE,
    "OSError": Trouble.UNAVAILABLE,
}
_RESTING = (Trouble.LOGIN, Trouble.TOO_MANY, Trouble.MISCONFIGURED)


@dataclass(frozen=True, slots=True)
class _ConnectorTrouble:
    """The trouble with one connector, or before there were any (None), and until when it isn't tried again."""

    connector: Any
    trouble: Trouble
    until: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CarConnectivityCars:
    """Asks for the cars of `vins` (by user and car), with the package's own configuration file `config`.

    `tokens`: where logins are stored between processes; without it each one logs in again. Raises PipelineError if the
    package isn't installed, SourceError for a configuration that can't be read. The login comes with the first
    question.
    """

    def __init__(
        self,
        config: Path,
        vins: Mapping[tuple[str, str], str],
        *,
        tokens: Path | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._module = _imported()
        self._config, self._vins, self._tokens, self._now = _read(config), dict(vins), tokens, now
        self._lock = threading.Lock()
        self._service: Any = None
        self._fetched_at: datetime | None = None
        self._troubles: dict[str, _ConnectorTrouble] = {}  # by the connector's name
        self._warned: set[Trouble] = set()

    def ask(self, car_id: str, at: datetime, user_id: str) -> CarReading:
        vin = self._vins.get((user_id, car_id))
        if vin is None:
            return unanswered(car_id, self._now(), Trouble.UNKNOWN_CAR)
        with self._lock:
            try:
                self._fetch()
                found = self._reading(car_id, vin)
            except Exception as error:  # noqa: BLE001 - whatever the package raises, tracking goes on
                found = unanswered(car_id, self._now(), self._trouble(error))
        return found

    def close(self) -> None:
        """Save the logins. Gives up if a question hangs."""
        if not self._lock.acquire(timeout=_CLOSING):
            return
        try:
            service, self._service = self._service, None
            with suppress(Exception):
                if service is not None:
                    service.shutdown()
        finally:
            self._lock.release()

    def _reading(self, car_id: str, vin: str) -> CarReading:
        vehicle = self._service.garage.get_vehicle(vin) if self._service is not None else None
        for noted in self._troubles.values():
            if vehicle is None or noted.connector is None or noted.connector in vehicle.managing_connectors:
                return unanswered(car_id, self._now(), noted.trouble)
        if vehicle is None:
            return unanswered(car_id, self._now(), Trouble.UNKNOWN_CAR)
        return CarReading(car_id=car_id, answered_at=self._now(), **vehicle_state(vehicle))

    def _fetch(self) -> None:
        """Ask every maker's service, unless that was done a moment ago; a service that fails does not affect the others' cars."""
        if self._fetched_at is not None and abs(self._now() - self._fetched_at) <= FRESH:
            return
        if self._service is None:
            self._try("", None, self._open)
        if self._service is not None:
            for vehicle in self._service.garage.list_vehicles():
                forget_times(vehicle)
            for name, connector in list(self._service.connectors.connectors.items()):
                self._try(name, connector, connector.fetch_all)
        if not self._troubles:
            self._warned.clear()
        self._fetched_at = self._now()

    def _try(self, name: str, connector: Any, act: Callable[[], object]) -> None:
        """Call `act`, unless a recent trouble requires a pause. Errors are recorded."""
        before = self._troubles.get(name)
        if before is not None and self._now() < before.until:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001 - reported with each car that it concerns
            trouble = self._trouble(error)
            until = self._now() + (PAUSE if trouble in _RESTING else timedelta())
            self._troubles[name] = _ConnectorTrouble(connector, trouble, until)
        else:
            self._troubles.pop(name, None)

    def _open(self) -> None:
        """Create the package's main object, which logs in. Its `startup`, which polls in threads of its own, is not called."""
        config = deepcopy(self._config)
        section = config["carConnectivity"]
        section["plugins"] = []
        for connector in section.get("connectors", []):
            # the default is the interval of polling, minutes: too old an answer to a ping
            connector.setdefault("config", {}).setdefault("max_age", 0)
        if self._tokens is not None:
            self._tokens.touch(mode=0o600)
        with _keeping_log_formats():
            service = self._module.CarConnectivity(
                config=config, tokenstore_file=None if self._tokens is None else str(self._tokens)
            )
        getattr(service, "services", {}).clear()  # the geocoder that would get each position
        self._service = service

    def _trouble(self, error: Exception) -> Trouble:
        """The kind of trouble; the first of a kind is logged. The error's own text may hold VINs and addresses."""
        names = [kind.__name__ for kind in type(error).__mro__]
        trouble = next((_TROUBLES[name] for name in names if name in _TROUBLES), Trouble.FAILED)
        if trouble not in self._warned:
            self._warned.add(trouble)
            log.warning("cars can't be asked through CarConnectivity: %s (%s).", trouble, names[0])
        return trouble


def _imported() -> Any:
    quiet = logging.getLogger("carconnectivity")  # its lines hold VINs and, at times, positions
    quiet.propagate = False
    if not quiet.handlers:
        quiet.addHandler(logging.NullHandler())
    try:
        return importlib.import_module("carconnectivity.carconnectivity")
    except ImportError as error:
        raise PipelineError(
            f"cars.toml names [carconnectivity], and the package can't be used ({error.name} is missing): "
            f"{sys.executable} -m pip install 'strava_pipeline[cars]', and the maker's connector, as "
            "carconnectivity-connector-volkswagen."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise SourceError(f"{path}, the configuration of CarConnectivity, is no JSON.") from None
    except OSError as error:
        raise SourceError(
            f"{path}, the configuration of CarConnectivity, can't be read ({type(error).__name__})."
        ) from error
    section = config.get("carConnectivity") if isinstance(config, dict) else None
    connectors = section.get("connectors") if isinstance(section, dict) else None
    if (
        not isinstance(connectors, list)
        or not all(isinstance(connector, dict) for connector in connectors)
        or not connectors
    ):
        raise SourceError(
            f'{path} is no configuration of CarConnectivity: {{"carConnectivity": {{"connectors": [{{"type": …}}]}}}}.'
        )
    return dict(config)


@contextmanager
def _keeping_log_formats() -> Iterator[None]:
    """The package changes the format of all log handlers of the process; after the body they have their own again."""
    before = [(handler, handler.formatter) for handler in logging.getLogger().handlers]
    try:
        yield
    finally:
        for handler, formatter in before:
            handler.setFormatter(formatter)


KM = {"km": 1.0, "mi": 1.609344, "m": 0.001, "ft": 0.0003048}
"""Kilometres in one of each unit of length; a number in another unit, or in none, isn't used as a distance."""


def forget_times(vehicle: Any) -> None:
    """Before a fetch: remove the times of a vehicle's values, so that afterwards only values of this fetch have one.

    The package gives a value that arrives twice with one time the time of its second arrival, and then drops every
    newer value that the car measured before that: asked each minute, it would never notice that a car was parked.
    """
    for attribute in _used(vehicle):
        attribute.last_updated = None


def vehicle_state(vehicle: Any) -> dict[str, Any]:
    """A vehicle's state after the fetch, as in a CarReading.

    `measured_at` None: no time was given, or the car is parked, which remains valid until further notice.
    """
    parked, odometer = is_parked(vehicle), odometer_km(vehicle)
    measured = None
    if parked is False:
        measured = _measured(vehicle.state)
    elif parked is None and odometer is not None:
        measured = _measured(vehicle.odometer)
    place = read_position({"lat": _value(vehicle.position.latitude), "lng": _value(vehicle.position.longitude)})
    lat, lng = place or (None, None)
    return {"measured_at": measured, "is_parked": parked, "odometer": odometer, "lat": lat, "lng": lng}


def is_parked(vehicle: Any) -> bool | None:
    """Whether the car is parked, or None if unknown, as with the ignition on at the parked position."""
    state, position = _text(vehicle.state), _text(vehicle.position.position_type)
    if state == "driving" or (state == "ignition_on" and position != "parking"):
        return False
    return True if state == "parked" else None


def odometer_km(vehicle: Any) -> float | None:
    number = finite_number(_value(vehicle.odometer))
    factor = KM.get(str(getattr(vehicle.odometer.unit, "value", "")))
    return None if number is None or factor is None or number < 0 else number * factor


def _used(vehicle: Any) -> tuple[Any, ...]:
    position = vehicle.position
    return vehicle.state, vehicle.odometer, position.position_type, position.latitude, position.longitude


def _value(attribute: Any) -> Any:
    """The value from the last fetch, or None."""
    return None if attribute.last_updated is None else attribute.value


def _text(attribute: Any) -> str | None:
    """The text of an attribute's enumerated value: `parked`, `driving`."""
    value = getattr(_value(attribute), "value", None)
    return value if isinstance(value, str) else None


def _measured(attribute: Any) -> datetime | None:
    """When the car measured the value, or None if its service gives no time, in which case the package gives that of
    the arrival.
    """
    updated = attribute.last_updated
    if not isinstance(updated, datetime) or updated == attribute.last_updated_local:
        return None
    return updated.replace(tzinfo=UTC) if updated.tzinfo is None else updated.astimezone(UTC)
