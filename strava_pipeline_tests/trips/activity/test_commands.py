"""`trips activity export, diagnose, analyze, explain`: what they print, whom they refuse, and what they never show."""

import json
import re
from pathlib import Path

import pytest

from strava_pipeline_tests.trips.activity.sources import (
    DEVICE,
    LOST,
    NEW,
    OLD,
    odd_trips,
    telling_trips,
    write_sqlite,
)
from strava_pipeline_tests.verbs.conftest import Type, Typed

LOOK = ("trips", "activity")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the odd and the telling trips as the source of the settings, and their keys."""
    monkeypatch.chdir(tmp_path)
    source = write_sqlite(tmp_path / "trips.sqlite", [*odd_trips(), *telling_trips()])
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [NEW, OLD]}))
    (tmp_path / "keys.json").chmod(0o600)
    monkeypatch.setenv("TRIPS_SOURCE", f"sqlite:///{source}")
    monkeypatch.setenv("TRIPS_KEYS_FILE", str(tmp_path / "keys.json"))
    monkeypatch.delenv("TRIPS_FERNET_KEYS", raising=False)
    return tmp_path


@pytest.fixture
def typed(world: Path, type_in: Type) -> Type:
    """`typed("diagnose", "--limit", "1")`."""
    return lambda *words: type_in(*LOOK, *words)


def exported(said: Typed) -> list[str]:
    assert said.code == 0, said.err
    return [told["externalId"] for told in json.loads(said.out)]


OUTPUTS = [(), ("--format", "json"), ("--sketch",), ("--status-means", "accepted=rejected")]


@pytest.mark.slow
@pytest.mark.parametrize("options", OUTPUTS, ids=" ".join)
def test_an_exported_file_is_told_of_as_its_source_is(world: Path, typed: Type, options: tuple[str, ...]) -> None:
    assert typed("export", "--out", "all.json").code == 0
    pages = [("--html", f"{name}.html") for name in ("of_source", "of_file")]
    of_source, of_file = typed("diagnose", *options, *pages[0]), typed("analyze", "all.json", *options, *pages[1])
    assert of_source.code == of_file.code == 0
    assert len(of_source.out) > 20_000
    assert of_file.out == of_source.out
    assert Path("of_file.html").read_bytes() == Path("of_source.html").read_bytes()


SECRET_KEYS = (NEW, OLD, LOST)


@pytest.mark.parametrize(
    "words",
    [
        *(("diagnose", *options, "--html", "page.html") for options in OUTPUTS),
        *(("explain", *(word for number in range(101, 105) for word in ("--external-id", f"telling-{number}"))),),
        *(
            ("replay",),
            ("replay", "--format", "json"),
            ("sweep", "--grid", "gap_s=1,9", "--format", "json"),
            ("sweep",),
        ),
    ],
    ids=" ".join,
)
def test_nothing_but_an_export_tells_a_place_a_device_a_token_or_a_key(
    world: Path, typed: Type, caplog: pytest.LogCaptureFixture, words: tuple[str, ...]
) -> None:
    held = typed("export").out
    places = {text for text in re.findall(r"-?\d+\.\d{4,}", held) if abs(float(text)) < 180}
    assert len(places) > 140
    assert DEVICE in held
    caplog.clear()
    said = typed(*words)
    assert said.code == 0, said.err
    page = Path("page.html").read_text() if "--html" in words else ""
    told = said.out + said.err + caplog.text + page
    found = set(re.findall(r"-?\d+\.\d{4,}", told))
    near = {text for text in found if 48.85 <= abs(float(text)) < 48.86 or 172.34 < abs(float(text)) < 172.35}
    assert not near
    assert not places & found
    assert not [secret for secret in (DEVICE, "gAAAA", *SECRET_KEYS) if secret in told]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("diagnose", "--keys-env", "NO_SUCH_VARIABLE"), 2, "NO_SUCH_VARIABLE is not set"),
        (("diagnose", "--keys-env", "BAD_KEYS"), 2, "the key at index 0 is no Fernet key"),
        (("diagnose", "--keys-env", "GOOD_KEYS", "--keys-file", "keys.json"), 2, "one of them"),
        (("diagnose", "--keys-file", "none.json"), 2, "can't be read"),
        (("diagnose", "--source", "sqlite:///none.sqlite"), 2, "there is no file"),
        (("diagnose", "--format", "json", "--sketch"), 2, "--sketch is drawn in text"),
        (("diagnose", "--status-means", "done=maybe"), 2, "write STATUS=VERDICT"),
        (("diagnose", "--out", "no/such/folder/x"), 2, "is no folder"),
        (("analyze", "none.json"), 2, "can't be read"),
        (("analyze", "keys.json"), 2, "externalId"),
        (("export", "--external-id", "trip-00001", "--external-id", "none"), 2, "There is no trip none"),
        (("diagnose", "--status", "bogus"), 2, "No trip has the status bogus. There are: "),
        (("explain", "--external-id", "none"), 2, "There is no trip none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_misuse_ends_with_2_and_says_what_to_do_without_a_key(
    typed: Type, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.setenv("BAD_KEYS", f"{NEW[:-6]},{OLD}")
    monkeypatch.setenv("GOOD_KEYS", NEW)
    found = typed(*words)
    assert (found.code, found.out) == (code, "")
    assert said in found.err
    assert NEW[:12] not in found.err
    assert OLD[:12] not in found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize("verb", ["export", "diagnose", "replay", "sweep"])
@pytest.mark.parametrize(("missing", "said"), [("TRIPS_SOURCE", "No source of trips"), ("TRIPS_KEYS_FILE", "No keys")])
def test_without_a_source_or_keys_every_verb_says_what_to_set(
    typed: Type, monkeypatch: pytest.MonkeyPatch, verb: str, missing: str, said: str
) -> None:
    monkeypatch.delenv(missing)
    found = typed(verb)
    assert (found.code, found.out) == (2, "")
    assert said in found.err


def test_keys_come_from_a_variable_that_is_named(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = typed("export", "--external-id", "trip-00002").out
    monkeypatch.delenv("TRIPS_KEYS_FILE")
    monkeypatch.setenv("MY_KEYS", f" {NEW} , {OLD} ")
    assert typed("export", "--external-id", "trip-00002", "--keys-env", "MY_KEYS").out == whole
    monkeypatch.setenv("MY_KEYS", json.dumps({"keys": [NEW, OLD]}))
    assert typed("export", "--external-id", "trip-00002", "--keys-env", "MY_KEYS").out == whole
    assert json.loads(whole)[0]["decryption"]["keyIndex"] == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--external-id", "trip-00003", "--external-id", "trip-00001"), ["trip-00003", "trip-00001"]),
        (("--status", "rejected"), ["telling-102"]),
        (("--comment", "late", "--comment", "ride_not_detected"), ["telling-104", "telling-103", "telling-102", "telling-101", "trip-00018", "trip-00013"]),
        (("--limit", "0"), []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)  # fmt: skip
def test_the_filters_choose(typed: Type, words: tuple[str, ...], wanted: list[str]) -> None:
    assert exported(typed("export", *words)) == wanted
    told = json.loads(typed("diagnose", "--format", "json", *words).out)
    assert [found["externalId"] for found in told["trips"]] == wanted
    assert typed("diagnose", *words).code == 0


def test_no_trip_is_told_as_no_trip(typed: Type) -> None:
    assert typed("export", "--limit", "0").out == "[]\n"
    told = json.loads(typed("diagnose", "--limit", "0", "--format", "json").out)
    assert (told["trips"], told["keys_used"]) == ([], {})
    assert "0" in typed("diagnose", "--limit", "0").out


def test_a_look_needs_no_key_and_shows_no_content(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPS_KEYS_FILE")
    told = json.loads(typed("export", "--probe").out)
    assert told["total"] == 26
    assert set(told["encrypted_present"]) == {"locations", "activity_distribution", "user_feedback"}
    assert sum(group["trips"] for group in told["groups"]) == 26
    assert set(told["latest"]) & set(told["encrypted_present"]) == set()


def test_trips_are_explained_from_a_source_and_from_a_file(typed: Type) -> None:
    typed("export", "--out", "all.json")
    asked = ("--external-id", "trip-00014", "--external-id", "trip-00003")
    of_source, of_file = typed("explain", *asked), typed("explain", "all.json", *asked)
    assert of_source.out == of_file.out
    assert "trip-00014: REJECTED (too_few_points" in of_source.out
    assert "trip-00003: UNKNOWN (locations_undecryptable)" in of_source.out


@pytest.mark.parametrize(
    ("alias", "name", "options"),
    [
        ("export_activity_trips", "export", ("--probe",)),
        ("diagnose_activity_trips", "diagnose", ("--status", "rejected", "--format", "json")),
        ("analyze_activity_trip", "analyze", ("all.json",)),
    ],
)
def test_other_names_of_the_commands_take_the_same_options(
    world: Path, typed: Type, type_in: Type, alias: str, name: str, options: tuple[str, ...]
) -> None:
    typed("export", "--out", "all.json")
    by_alias, by_name = type_in(alias, *options), typed(name, *options)
    assert (by_alias.code, by_alias.out, by_alias.err) == (by_name.code, by_name.out, by_name.err)
    assert by_alias.out or by_alias.code == 2


def test_help_for_another_name_is_that_of_its_command(type_in: Type) -> None:
    assert type_in("help", "export_activity_trips").out == type_in(*LOOK, "export", "--help").out


def test_a_program_may_print_the_keys(world: Path, typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    by_file = typed("export")
    monkeypatch.delenv("TRIPS_KEYS_FILE")
    monkeypatch.setenv("TRIPS_KEYS_COMMAND", f"cat '{world / 'keys.json'}'")
    by_program = typed("export")
    assert (by_program.code, by_program.out) == (0, by_file.out)
    monkeypatch.setenv("TRIPS_KEYS_COMMAND", f"cat '{world / 'lost.json'}'")
    failed = typed("export")
    assert (failed.code, failed.out) == (2, "")
    assert "TRIPS_KEYS_COMMAND: cat ended with exit code 1" in failed.err
    assert typed("export", "--probe").code == 0, "a probe needs no keys, so nothing is run"
