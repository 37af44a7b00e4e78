"""cars.toml as records: who may send pings, with which token, and each one's cars and places. Parsed text in, people out.

    [carconnectivity]
    config = "carconnectivity.json"   # of CarConnectivity, with the login to the makers' services; beside this file

    [[users]]
    user_id = "anna"
    token = "…"                       # openssl rand -hex 32
    timezone = "Europe/Amsterdam"
    [[users.cars]]
    car_id = "zoe"                    # what the phone calls it when it is connected by Bluetooth
    name = "Renault Zoe"
    vin = "…"                         # only where its maker's service is to be asked
    has_credentials = true            # whether it can be asked; without this line: where there is a vin
    [[users.locations]]
    name = "Work"
    kind = "office"                   # skip, office, home or other
    lat = 48.2
    lng = 11.5
    radius_m = 150
    [users.last_parked_gps.zoe]       # where it stands now, if trips shall begin there
    lat = 48.1
    lng = 11.5

No token and no position is in a repr or in an error.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import SecretStr

from strava_pipeline.core.json_values import finite_number
from strava_pipeline.trips.car.rules.config import (
    KINDS,
    MAX_LAT,
    MAX_LNG,
    SKIP,
    Car,
    CarConfig,
    Limits,
    Place,
    Position,
)

_NUMBER = re.compile(r"\[\d+\]")


class Table:
    """One table. `place` is where it stands, as `users[0].cars[1]`; `faults` is shared by all tables of a file."""

    def __init__(self, values: Mapping[str, Any], place: str, faults: list[str]) -> None:
        self._values, self._place, self._faults = values, place, faults

    def place(self, name: str) -> str:
        """Where a value of this table stands."""
        return f"{self._place}.{name}".removeprefix(".")

    def fault(self, name: str, what: str) -> None:
        self._faults.append(f"{self.place(name)}: {what}")

    def has(self, name: str) -> bool:
        return name in self._values

    def only(self, *allowed: str) -> None:
        """What else stands here is a fault: mistyped, mostly."""
        for name in self._values:
            if name not in allowed:
                self.fault(_shown(name), f"no such setting; there are {', '.join(allowed)}")

    def text(self, name: str, expected: str, form: re.Pattern[str]) -> str:
        """The text; an empty one where it is not of that form."""
        value = self._values.get(name)
        if not isinstance(value, str) or not form.fullmatch(value):
            self.fault(name, f"expected {expected}")
            return ""
        return value

    def choice(self, name: str, among: Sequence[str]) -> str:
        value = self._values.get(name)
        if value not in among:
            self.fault(name, f"expected one of {', '.join(among)}")
            return among[0]
        return str(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            self.fault(name, "expected true or false")
        return value is True

    def number(self, name: str, low: float, high: float, expected: str) -> float:
        value = finite_number(self._values.get(name))
        if value is None or not low <= value <= high:
            self.fault(name, f"expected {expected}")
            return low
        return value

    def table(self, name: str) -> "Table | None":
        """The table of that name; None where there is none."""
        value = self._values.get(name)
        if isinstance(value, Mapping):
            return Table(value, self.place(name), self._faults)
        if name in self._values:
            self.fault(name, f"expected a table: [{self.place(name)}]")
        return None

    def tables(self, name: str) -> "list[Table]":
        """The tables of a list of them, written [[name]]."""
        values = self._values.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
            self.fault(name, f"expected tables: [[{_NUMBER.sub('', self.place(name))}]]")
            return []
        return [Table(value, f"{self.place(name)}[{number}]", self._faults) for number, value in enumerate(values)]

    def unlike(self, name: str, value: str, earlier: dict[str, str]) -> None:
        """A fault where an earlier value, by its place, was the same."""
        if not value:
            return
        if value in earlier:
            self.fault(name, f"the same as {earlier[value]}; each needs its own")
        else:
            earlier[value] = self.place(name)


def _shown(name: str) -> str:
    """A name as a fault may show it: somebody may have pasted anything before the `=`."""
    return name if re.fullmatch(r"[A-Za-z_]{1,30}", name) else "(a name)"


PLACEHOLDER = "replace-me"  # how tokens of the example begin; they open nothing
WIDEST_M = 100_000  # of a place
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f]{1,100}")
_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_PATH = re.compile(r"[^\x00]{1,1000}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]*")


class PeopleError(ValueError):
    """What is wrong in cars.toml: a line per fault, each naming the place and what is expected there."""


@dataclass(frozen=True, slots=True)
class Person:
    """`vins`: of the cars whose maker's service can be asked, by car_id."""

    config: CarConfig = field(repr=False)
    token: SecretStr = field(repr=False)
    vins: Mapping[str, str] = field(default_factory=dict, repr=False)
    last_parked_gps: Mapping[str, Position] = field(default_factory=dict, repr=False)

    @property
    def has_token(self) -> bool:
        """Whether it is one of their own, and not the example's."""
        return not self.token.get_secret_value().startswith(PLACEHOLDER)


@dataclass(frozen=True)
class People:
    """Everybody. `carconnectivity`: where CarConnectivity's own configuration lies, as written; None: no car can be asked."""

    people: tuple[Person, ...] = ()
    carconnectivity: str | None = None

    @property
    def configs(self) -> tuple[CarConfig, ...]:
        return tuple(person.config for person in self.people)

    @property
    def vins(self) -> dict[tuple[str, str], str]:
        """By user and car, of all cars that can be asked."""
        return {(person.config.user_id, car_id): vin for person in self.people for car_id, vin in person.vins.items()}

    def user_of(self, token: str) -> str | None:
        """The user of a token; the time that this takes reveals nothing of other tokens."""
        given, found = token.encode("utf-8", "surrogatepass"), None
        for user_id, expected in self._tokens:
            if hmac.compare_digest(given, expected):
                found = user_id
        return found

    @cached_property
    def _tokens(self) -> list[tuple[str, bytes]]:
        return [
            (person.config.user_id, person.token.get_secret_value().encode())
            for person in self.people
            if person.has_token
        ]


def read_people(document: Mapping[str, Any]) -> People:
    """The people in a parsed cars.toml. Raises PeopleError naming every fault."""
    faults: list[str] = []
    top = Table(document, "", faults)
    top.only("users", "carconnectivity")
    connectivity = top.table("carconnectivity")
    path = None
    if connectivity is not None:
        connectivity.only("config")
        path = connectivity.text("config", "the path of CarConnectivity's configuration", _PATH)
    users, tokens, ids = top.tables("users"), dict[str, str](), dict[str, str]()
    people = tuple(_person(user, tokens, ids, askable=top.has("carconnectivity")) for user in users)
    if faults:
        raise PeopleError("\n".join(faults))
    return People(people, path)


def _person(user: Table, tokens: dict[str, str], ids: dict[str, str], *, askable: bool) -> Person:
    allowed = ("user_id", "token", "timezone", "cars", "locations", "last_parked_gps")
    user.only(*allowed, "osrm")  # a scenario's router: part of a script, no setting
    user_id = user.text("user_id", "1 to 64 letters, digits, . _ @ + or -, with a letter or digit first", _USER)
    user.unlike("user_id", user_id, ids)
    token = user.text("token", "16 to 200 letters, digits, - or _; make one: openssl rand -hex 32", _TOKEN)
    user.unlike("token", token, tokens)
    timezone = _timezone(user)
    car_ids, own_vins, vins = dict[str, str](), dict[str, str](), dict[str, str]()
    cars = tuple(_car(car, car_ids, own_vins, vins, askable=askable) for car in user.tables("cars"))
    locations = tuple(_place(place) for place in user.tables("locations"))
    parked = _parked(user.table("last_parked_gps"), car_ids)
    return Person(CarConfig(user_id, timezone, cars, locations), SecretStr(token), vins, parked)


def _timezone(user: Table) -> str:
    expected = "a time zone like Europe/Amsterdam"
    name = user.text("timezone", expected, _ZONE)
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        user.fault("timezone", f"expected {expected}")
        return "UTC"


def _car(car: Table, ids: dict[str, str], own_vins: dict[str, str], vins: dict[str, str], *, askable: bool) -> Car:
    car.only("car_id", "name", "vin", "has_credentials")
    car_id = car.text("car_id", "the car's name for the phone: 1 to 100 characters", _NAME)
    car.unlike("car_id", car_id, ids)
    name = car.text("name", "the car's name for people: 1 to 100 characters", _NAME) if car.has("name") else car_id
    if car.has("vin"):
        vin = car.text("vin", "17 capital letters and digits, without I, O and Q", _VIN)
        car.unlike("vin", vin, own_vins)
        vins[car_id] = vin
        if not askable:
            car.fault("vin", "its service can't be asked without [carconnectivity]; add that, or leave the VIN out")
    can_be_asked = car.flag("has_credentials") if car.has("has_credentials") else car.has("vin")
    return Car(car_id, name, has_credentials=can_be_asked)


def _parked(table: Table | None, car_ids: Mapping[str, str]) -> dict[str, Position]:
    """Where cars stand when all begins, by car."""
    if table is None:
        return {}
    table.only(*car_ids)
    found = {}
    for car_id in car_ids:
        if (place := table.table(car_id)) is not None:
            place.only("lat", "lng", "lon")
            found[car_id] = _position(place)
    return found


def _position(place: Table) -> Position:
    east = "lon" if place.has("lon") and not place.has("lng") else "lng"
    return Position(
        place.number("lat", -MAX_LAT, MAX_LAT, "degrees from -90 to 90"),
        place.number(east, -MAX_LNG, MAX_LNG, "degrees from -180 to 180"),
    )


def _place(place: Table) -> Place:
    place.only("name", "kind", "lat", "lng", "lon", "radius_m")
    kind, where = place.choice("kind", KINDS), _position(place)
    limits = Limits()
    usual = limits.skip_radius_m if kind == SKIP else limits.location_radius_m
    return Place(
        name=place.text("name", "1 to 100 characters", _NAME),
        kind=kind,
        lat=where.lat,
        lng=where.lng,
        radius_m=(
            place.number("radius_m", 0, WIDEST_M, f"metres from 0 to {WIDEST_M}") if place.has("radius_m") else usual
        ),
    )
