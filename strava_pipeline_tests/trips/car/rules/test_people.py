"""cars.toml becomes people, cars and places; each fault names its place, all are told at once, and none tells a value."""

import tomllib
from typing import Any

import pytest

from strava_pipeline.trips.car.rules.config import Car, Place
from strava_pipeline.trips.car.rules.people import People, PeopleError, read_people

TOKEN, OTHER = "a" * 16, "B-_9" * 50
VIN = "TESTVHN0T0REALCAR"
TEXT = f"""
[carconnectivity]
config = "carconnectivity.json"

[[users]]
user_id = "anna"
token = "{TOKEN}"
timezone = "Europe/Amsterdam"
[[users.cars]]
car_id = "zoe"
name = "Renault Zoe"
vin = "{VIN}"
[[users.cars]]
car_id = "AA:BB:CC"
[[users.locations]]
name = "Work"
kind = "office"
lat = 0
lng = -0.5
radius_m = 150
[[users.locations]]
name = "School"
kind = "skip"
lat = 51.25
lng = 4.0
[[users.locations]]
name = "Home"
kind = "home"
lat = 51.5
lng = 4.25

[[users]]
user_id = "ben@example.org"
token = "{OTHER}"
timezone = "UTC"
"""


def people(text: str = TEXT) -> People:
    return read_people(tomllib.loads(text))


def faults(text: str) -> list[str]:
    with pytest.raises(PeopleError) as raised:
        people(text)
    told = str(raised.value)
    assert TOKEN not in told
    assert OTHER not in told
    assert VIN not in told
    assert "51.25" not in told
    return told.splitlines()


def test_people_have_cars_and_places() -> None:
    anna, ben = people().configs
    assert (anna.user_id, anna.timezone) == ("anna", "Europe/Amsterdam")
    assert anna.cars == (Car("zoe", "Renault Zoe", True), Car("AA:BB:CC", "AA:BB:CC", False))
    assert anna.locations == (
        Place("Work", "office", 0.0, -0.5, 150.0),
        Place("School", "skip", 51.25, 4.0, 200.0),
        Place("Home", "home", 51.5, 4.25, 150.0),
    )
    assert (ben.cars, ben.locations) == ((), ()), "a phone alone can be tracked, too"


def test_the_cars_that_can_be_asked_are_known_by_user_and_car() -> None:
    found = people()
    assert found.vins == {("anna", "zoe"): VIN}
    assert found.carconnectivity == "carconnectivity.json"


def test_an_empty_file_is_of_nobody() -> None:
    assert people("") == People()
    assert people("").user_of(TOKEN) is None


def test_a_token_tells_whose_it_is() -> None:
    found = people()
    assert found.user_of(TOKEN) == "anna"
    assert found.user_of(OTHER) == "ben@example.org"
    for wrong in ("", TOKEN[:-1], TOKEN + "a", TOKEN.upper(), "ä" * 16, "\ud800"):
        assert found.user_of(wrong) is None


def test_the_examples_token_opens_nothing() -> None:
    token = "replace-me-with-a-token"
    found = people(TEXT.replace(TOKEN, token))
    assert found.user_of(token) is None
    assert found.user_of(OTHER) == "ben@example.org"
    assert [person.has_token for person in found.people] == [False, True]


def test_neither_tokens_nor_places_nor_vins_are_shown() -> None:
    shown = repr(people()) + str(people().people)
    for secret in (TOKEN, OTHER, VIN, "51.25"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('user_id = "anna"', "", "users[0].user_id: "),
        ('user_id = "anna"', 'user_id = "an/na"', "users[0].user_id: expected 1 to 64 letters"),
        ('user_id = "anna"', 'user_id = "ben@example.org"', "user_id: two are the same"),
        (f'token = "{TOKEN}"', f'token = "{TOKEN[1:]}"', "users[0].token: expected 16 to 200"),
        (f'token = "{TOKEN}"', f'token = "{TOKEN}/{TOKEN}"', "users[0].token: expected 16 to 200"),
        (f'token = "{TOKEN}"', f'token = "{OTHER}"', "token: two are the same"),
        ('timezone = "UTC"', 'timezone = "Europe"', "users[1].timezone: expected a time zone"),
        ('timezone = "UTC"', 'timezone = "../../etc/passwd"', "users[1].timezone: expected a time zone"),
        ('car_id = "zoe"', 'car_id = " "', "users[0].cars[0].car_id: expected"),
        ('car_id = "zoe"', 'car_id = "AA:BB:CC"', "users[0]: car_id of a car: two are the same"),
        (f'vin = "{VIN}"', 'vin = "TESTVIN"', "users[0].cars[0].vin: expected 17 capital letters and digits"),
        ('car_id = "AA:BB:CC"', f'car_id = "b"\nvin = "{VIN}"', "users[0]: vin: two are the same"),
        ('[carconnectivity]\nconfig = "carconnectivity.json"', "", "vin: its service can't be asked"),
        ('config = "carconnectivity.json"', 'config = "c"\nkey = 5', "carconnectivity.key: "),
        ("lng = -0.5", "long = -0.5", "users[0].locations[0].long: "),
        ('name = "Renault Zoe"', 'nmae = "Zoe"', "users[0].cars[0].nmae: "),
        ("[carconnectivity]", f"{TOKEN}{TOKEN} = 5\n[carconnectivity]", "(a name): "),
        (
            "[[users.locations]]",
            "[users.last_parked_gps.bus]\nlat = 1\nlng = 1\n[[users.locations]]",
            "users[0]: last_parked",
        ),
    ],
)
def test_a_fault_names_its_place_and_what_is_expected(old: str, new: str, told: str) -> None:
    assert old in TEXT
    assert any(line.startswith(told) for line in faults(TEXT.replace(old, new, 1)))


def test_all_faults_of_fields_are_told_at_once() -> None:
    wrong: dict[str, Any] = {"users": [{"token": 5}, {"user_id": "b", "locations": [{"lat": 91}]}]}
    with pytest.raises(PeopleError) as raised:
        read_people(wrong)
    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == [
        *("users[0].user_id", "users[0].token", "users[0].timezone", "users[1].token", "users[1].timezone"),
        *(f"users[1].locations[0].{name}" for name in ("name", "kind", "lat", "lng")),
    ]
