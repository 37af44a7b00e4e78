"""cars.toml on disk: read, or refused with the place and the reason; doctor says who else can read the tokens in it."""

import tomllib
from pathlib import Path

import pytest

from strava_pipeline.core.facts import State
from strava_pipeline.trips.car.people_file import PEOPLE, UnusablePeopleError, people_health, people_in
from strava_pipeline.trips.car.rules.people import People, read_people

TOKEN = "0123456789abcdef" * 4
TEXT = f"""
[carconnectivity]
config = "connect/carconnectivity.json"
[[users]]
user_id = "anna"
token = "{TOKEN}"
timezone = "Europe/Amsterdam"
[[users.cars]]
car_id = "zoe"
vin = "TESTVHN0T0REALCAR"
[[users.cars]]
car_id = "clio"
"""
EXAMPLE = Path(__file__).resolve().parents[3] / "cars.example.toml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "cars.toml"
    made.write_text(TEXT)
    made.chmod(0o600)
    return made


def test_the_example_can_be_followed_and_opens_nothing() -> None:
    people = people_in(EXAMPLE)
    assert [config.user_id for config in people.configs] == ["anna"]
    assert [person.has_token for person in people.people] == [False]


def test_what_the_example_has_in_comments_can_be_followed_too() -> None:
    settings = ("# [carconnectivity]", "# config =", "# vin =")
    lines = [
        line.removeprefix("# ") if line.startswith(settings) else line for line in EXAMPLE.read_text().splitlines()
    ]
    people = read_people(tomllib.loads("\n".join(lines)))
    assert people.carconnectivity == "carconnectivity.json"
    assert list(people.vins) == [("anna", "zoe")]


def test_without_a_file_there_is_nobody(tmp_path: Path) -> None:
    assert people_in(tmp_path / "cars.toml") == People()
    found = people_health(tmp_path / "cars.toml")
    assert (found.name, found.state) == (PEOPLE, State.OK)


def test_paths_in_it_begin_where_it_lies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert people_in(Path("cars.toml")).carconnectivity == str(path.parent / "connect" / "carconnectivity.json")
    path.write_text(TEXT.replace("connect/carconnectivity.json", "/elsewhere/c.json"))
    assert people_in(path).carconnectivity == "/elsewhere/c.json"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[[users]]\nuser_id = 'a'", "users[0].token: "),
        (f'[[users]]\ntoken = "{TOKEN}'.encode(), "no TOML"),
        (f"[[users]]\n{TOKEN}\n".encode(), "no TOML: at line 2"),
        (f"[[users]]\ntoken = {TOKEN}\n".encode(), "no TOML"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"a = " + b"[" * 10_000, "nested too deeply"),
    ],
)
def test_a_file_that_cant_be_followed_says_where_and_why(path: Path, text: bytes, told: str) -> None:
    path.write_bytes(text)
    with pytest.raises(UnusablePeopleError) as raised:
        people_in(path)
    assert str(path) in str(raised.value)
    assert told in str(raised.value)
    found = people_health(path)
    assert found.state is State.PROBLEM
    assert TOKEN not in str(raised.value) + str(found)
    assert raised.value.exit_code == 2


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnusablePeopleError, match=r"can.t be read: Is a directory"):
        people_in(tmp_path)
    assert people_health(tmp_path).state is State.PROBLEM


def test_a_file_of_ones_own_is_all_right(path: Path) -> None:
    found = people_health(path)
    assert found.state is State.OK
    assert "names 1, with 2 cars, of which 1 can be asked" in found.text
    assert TOKEN not in str(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_followed_and_named(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert people_in(path).user_of(TOKEN) == "anna"
    found = people_health(path)
    assert found.state is State.WARNING
    assert found.advice == f"chmod 600 '{path}'"


def test_whoever_kept_the_examples_token_is_named(path: Path) -> None:
    path.write_text(TEXT.replace(TOKEN, "replace-me-with-a-token"))
    found = people_health(path)
    assert found.state is State.WARNING
    assert found.text.startswith("anna can't send pings")
