"""cars.toml as records: the users who may send pings, their tokens, cars and places. Parsed text in, people out.

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
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, SecretStr, Strict, ValidationError, model_validator

from strava_pipeline.trips.car.rules.config import ONLY_KNOWN, Car, CarConfig, Parked, Place, Position, Zone, faults_of

PLACEHOLDER = "replace-me"  # how tokens of the example begin; they open nothing


class PeopleError(ValueError):
    """The faults of cars.toml: a line per fault, each naming the place and the expected value."""


@dataclass(frozen=True, slots=True)
class Person:
    """`vins`: of the cars whose maker's service can be asked, by car_id."""

    config: CarConfig = field(repr=False)
    token: SecretStr = field(repr=False)
    vins: Mapping[str, str] = field(default_factory=dict, repr=False)
    last_parked_gps: Mapping[str, Position] = field(default_factory=dict, repr=False)

    @property
    def has_token(self) -> bool:
        """Whether it is a token of their own, and not the example's."""
        return not self.token.get_secret_value().startswith(PLACEHOLDER)


@dataclass(frozen=True)
class People:
    """All users. `carconnectivity`: the path of CarConnectivity's own configuration, as written, or None if no car can
    be asked.
    """

    people: tuple[Person, ...] = ()
    carconnectivity: str | None = None

    @property
    def configs(self) -> tuple[CarConfig, ...]:
        return tuple(person.config for person in self.people)

    @property
    def vins(self) -> dict[tuple[str, str], str]:
        """The VINs by user and car, for all cars that can be asked."""
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
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        raise PeopleError("\n".join(faults_of(error))) from None
    return People(tuple(map(_person, file.users)), file.carconnectivity.config if file.carconnectivity else None)


def _formed(pattern: str, expected: str) -> BeforeValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"expected {expected}")
        return value

    return BeforeValidator(check)


_Name = Annotated[str, _formed(r"(?=.*\S)[^\x00-\x1f\x7f]{1,100}", "1 to 100 characters")]
_Vin = Annotated[str, _formed(r"[A-HJ-NPR-Z0-9]{17}", "17 capital letters and digits, without I, O and Q")]
_Path = Annotated[str, _formed(r"[^\x00]{1,1000}", "the path of CarConnectivity's configuration")]
_UserId = Annotated[
    str,
    _formed(
        r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", "1 to 64 letters, digits, . _ @ + or -, with a letter or digit first"
    ),
]
_TOKEN = r"[A-Za-z0-9_-]{16,200}"
_Token = Annotated[str, _formed(_TOKEN, "16 to 200 letters, digits, - or _; make one: openssl rand -hex 32")]


class _Car(BaseModel):
    model_config = ONLY_KNOWN

    car_id: _Name
    name: _Name | None = None
    vin: _Vin | None = None
    has_credentials: Annotated[bool, Strict()] | None = None


class _User(BaseModel):
    model_config = ONLY_KNOWN

    user_id: _UserId
    token: _Token
    timezone: Zone
    cars: list[_Car] = []
    locations: tuple[Place, ...] = ()
    last_parked_gps: dict[str, Parked] = {}
    osrm: Any = None  # a scenario's router: part of a script, not a setting

    @model_validator(mode="after")
    def _cars_are_apart(self) -> Self:
        _require_apart("car_id of a car", (car.car_id for car in self.cars))
        _require_apart("vin", (car.vin for car in self.cars if car.vin))
        if not self.last_parked_gps.keys() <= {car.car_id for car in self.cars}:
            raise ValueError("last_parked_gps: expected car_ids of the user's cars")
        return self


class _CarConnectivity(BaseModel):
    model_config = ONLY_KNOWN

    config: _Path


class _File(BaseModel):
    model_config = ONLY_KNOWN

    users: list[_User] = []
    carconnectivity: _CarConnectivity | None = None

    @model_validator(mode="after")
    def _users_are_apart(self) -> Self:
        _require_apart("user_id", (user.user_id for user in self.users))
        _require_apart("token", (user.token for user in self.users))
        if self.carconnectivity is None and any(car.vin for user in self.users for car in user.cars):
            raise ValueError(
                "vin: its service can't be asked without [carconnectivity]; add that, or leave the VIN out"
            )
        return self


def _require_apart(what: str, values: Iterable[str]) -> None:
    if any(count > 1 for count in Counter(values).values()):
        raise ValueError(f"{what}: two are the same; each needs its own")


def _person(user: _User) -> Person:
    cars = []
    for car in user.cars:
        can_be_asked = car.vin is not None if car.has_credentials is None else car.has_credentials
        cars.append(Car(car.car_id, car.name or car.car_id, can_be_asked))
    vins = {car.car_id: car.vin for car in user.cars if car.vin}
    config = CarConfig(user.user_id, user.timezone, tuple(cars), user.locations)
    return Person(config, SecretStr(user.token), vins, user.last_parked_gps)
