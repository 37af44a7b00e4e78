"""What one of CarConnectivity's vehicles says, as a reading has it. Nothing is fetched here.

Names and units as in carconnectivity 0.11 (vehicle.py, position.py, units.py, attributes.py). Values are compared by their
text, so that nothing of the package is needed here.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.trips.car.config import read_position
from strava_pipeline.core.trips.values import finite_number

KM = {"km": 1.0, "mi": 1.609344, "m": 0.001, "ft": 0.0003048}
"""Kilometres in one of each unit of length; a number in another, or in none, is no distance."""


@dataclass(frozen=True, slots=True)
class Said:
    """As in a Reading. `measured_at` None: no time was told, or the car is parked, which holds until it is told otherwise."""

    measured_at: datetime | None
    is_parked: bool | None
    odometer_km: float | None
    lat: float | None = field(repr=False)
    lng: float | None = field(repr=False)


def forget_times(vehicle: Any) -> None:
    """Before a fetch: take the times from what a vehicle says, so that afterwards only what came with the fetch has one.

    The package gives a value that came twice with one time the time of its second coming, and then drops every newer value that
    the car measured before that: asked each minute, it would never notice that a car was parked.
    """
    for attribute in _used(vehicle):
        attribute.last_updated = None


def said_by(vehicle: Any) -> Said:
    """After the fetch."""
    parked, odometer = is_parked(vehicle), odometer_km(vehicle)
    measured = None
    if parked is False:
        measured = _measured(vehicle.state)
    elif parked is None and odometer is not None:
        measured = _measured(vehicle.odometer)
    place = read_position({"lat": _value(vehicle.position.latitude), "lng": _value(vehicle.position.longitude)})
    return Said(measured, parked, odometer, *(place or (None, None)))


def is_parked(vehicle: Any) -> bool | None:
    """With its ignition on a car drives, unless it is still said to stand where it was parked; then nobody knows."""
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
    """What came with the last fetch; None where nothing came."""
    return None if attribute.last_updated is None else attribute.value


def _text(attribute: Any) -> str | None:
    """The text of an attribute's enumerated value: `parked`, `driving`."""
    value = getattr(_value(attribute), "value", None)
    return value if isinstance(value, str) else None


def _measured(attribute: Any) -> datetime | None:
    """When the car told it; None where its service says no time, for which the package puts the time of its coming."""
    updated = attribute.last_updated
    if not isinstance(updated, datetime) or updated == attribute.last_updated_local:
        return None
    return updated.replace(tzinfo=UTC) if updated.tzinfo is None else updated.astimezone(UTC)
