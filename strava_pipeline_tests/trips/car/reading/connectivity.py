"""A stand-in for the package carconnectivity, with the names and the ways of version 0.11 that our adapter uses. No assertions.

`fetches`: what each fetch of a connector does, one after the other: raises, or changes the garage. Times are the test's.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import ModuleType
from typing import Any

import pytest

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def go_on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class State(Enum):
    OFFLINE = "offline"
    PARKED = "parked"
    IGNITION_ON = "ignition_on"
    DRIVING = "driving"
    INVALID = "invalid"
    UNKNOWN = "unknown vehicle state"


class PositionType(Enum):
    PARKING = "parking"
    DRIVING = "driving"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Length(Enum):
    M = "m"
    FT = "ft"
    KM = "km"
    MI = "mi"
    INVALID = "invalid"
    UNKNOWN = "unknown length unit"


class CarConnectivityError(Exception): ...


class ConfigurationError(CarConnectivityError): ...


class RetrievalError(CarConnectivityError): ...


class TooManyRequestsError(RetrievalError): ...


class AuthenticationError(CarConnectivityError): ...


class TemporaryAuthenticationError(AuthenticationError): ...


class Attribute:
    """With the package's own treatment of times (attributes.py, `_set_value`)."""

    def __init__(self, clock: Clock, unit: Length | None = None) -> None:
        self.value: Any = None
        self.unit = unit
        self.last_updated: datetime | None = None
        self.last_updated_local: datetime | None = None
        self._clock = clock

    def set(self, value: Any, measured: datetime | None = None, unit: Length | None = None) -> None:
        now = self._clock()
        if self.last_updated is not None and measured is not None and self.last_updated > measured:
            return
        self.last_updated_local = now
        self.last_updated = measured if measured and self.last_updated != measured else now
        self.value = value
        self.unit = unit or self.unit


class Position:
    def __init__(self, clock: Clock) -> None:
        self.position_type, self.latitude, self.longitude = Attribute(clock), Attribute(clock), Attribute(clock)


class Vehicle:
    def __init__(self, clock: Clock, *connectors: "Connector") -> None:
        self.state, self.odometer = Attribute(clock), Attribute(clock, Length.UNKNOWN)
        self.position = Position(clock)
        self.managing_connectors = list(connectors)

    def park(self, lat: float | None = 0.25, lng: float | None = -7.125, measured: datetime | None = None) -> None:
        self.state.set(State.PARKED, measured)
        self.position.position_type.set(PositionType.PARKING, measured)
        self.position.latitude.set(lat, measured)
        self.position.longitude.set(lng, measured)

    def leave(self, state: State = State.DRIVING) -> None:
        self.state.set(state)
        for attribute in (self.position.position_type, self.position.latitude, self.position.longitude):
            attribute.set(None)


class Garage:
    def __init__(self) -> None:
        self.vehicles: dict[str, Vehicle] = {}

    def get_vehicle(self, vin: str) -> Vehicle | None:
        return self.vehicles.get(vin.upper())

    def list_vehicles(self) -> list[Vehicle]:
        return list(self.vehicles.values())


class Connector:
    def __init__(self, service: "Service", name: str) -> None:
        self._service, self._name = service, name

    def fetch_all(self) -> None:
        package = self._service.package
        package.fetched.append(self._name)
        steps = package.fetches.get(self._name, [])
        if steps:
            steps.pop(0)(self._service.garage, self)


class Connectors:
    def __init__(self) -> None:
        self.connectors: dict[str, Connector] = {}


class Service:
    """`carconnectivity.carconnectivity.CarConnectivity`."""

    package: "Package"

    def __init__(self, config: dict[str, Any], tokenstore_file: str | None = None) -> None:
        self.package.configs.append((config, tokenstore_file))
        for handler in logging.getLogger().handlers:
            handler.setFormatter(logging.Formatter("%(message)s, theirs"))
        logging.getLogger("carconnectivity.connectors.fake").error("VIN 0.25")
        if self.package.refusals:
            raise self.package.refusals.pop(0)
        self.garage, self.connectors = Garage(), Connectors()
        self.services: dict[str, Any] = {"location": ["nominatim.openstreetmap.org"]}
        for connector in config["carConnectivity"]["connectors"]:
            self.connectors.connectors[connector["type"]] = Connector(self, connector["type"])
        self.package.services.append(self)

    def shutdown(self) -> None:
        self.package.shut_down += 1


Step = Callable[[Garage, Connector], object]


@dataclass
class Package:
    """What was done with the package, and what it is to do."""

    fetches: dict[str, list[Step]] = field(default_factory=dict)
    refusals: list[Exception] = field(default_factory=list)
    configs: list[tuple[dict[str, Any], str | None]] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    shut_down: int = 0


def installed(patch: pytest.MonkeyPatch) -> Package:
    """Put it where it would be imported from."""
    package = Package()
    top, inner = ModuleType("carconnectivity"), ModuleType("carconnectivity.carconnectivity")
    inner.CarConnectivity = type("CarConnectivity", (Service,), {"package": package})  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "carconnectivity", top)
    patch.setitem(sys.modules, "carconnectivity.carconnectivity", inner)
    return package


def raising(error: Exception) -> Step:
    def fetch(garage: Garage, connector: Connector) -> None:
        raise error

    return fetch
