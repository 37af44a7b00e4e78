"""The command `athletes` and the option --athlete: folders, registry, and whose settings a command has."""

import json
import os
import re
import stat
from io import StringIO
from pathlib import Path

import pytest

from strava_pipeline.cli import SUBCOMMANDS, athlete_option
from strava_pipeline.environment.setting_sources import variables_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.paths import Lake
from strava_pipeline.verbs.athlete_folders import ENV
from strava_pipeline.verbs.dagster_process import exclusive_instance
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.verbs.conftest import Type
from strava_pipeline_tests.verbs.house import house

__all__ = ["house"]


def modes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): stat.filemode(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}


def test_add_makes_a_private_folder_and_says_what_comes_next(house: Path, type_in: Type) -> None:
    said = type_in("athletes", "add", "ada")
    folder = house / "athletes" / "ada"
    assert said.code == 0
    assert said.out == f"The folder of ada: {folder}\nNext: strava-pipeline auth --athlete ada\n"
    assert modes(folder) == {
        **dict.fromkeys((".", "data", "secrets", "logs", "dagster_home"), "drwx------"),
        ".env": "-rw-------",
    }
    assert (house / "athletes" / "athletes.toml").read_text() == "[ada]\n"
    again = type_in("athletes", "add", "ada")
    assert (again.code, again.err) == (2, f"There is an athlete ada already, with the folder {folder}.\n")


def test_the_env_of_a_new_athlete_names_settings_that_are_theirs() -> None:
    application = {"STRAVA_CLIENT_ID", "STRAVA_CLIENT_SECRET"}
    named = {
        line.lstrip("# ").partition("=")[0]
        for line in ENV.splitlines()
        if line.lstrip("# ").partition("=")[0].isupper()
    }
    own = {
        variables_of(spec)[0]
        for spec in Settings.model_fields.values()
        if spec.json_schema_extra == {"whose": "athlete"}
    }
    assert application < named <= own | application


def test_each_athlete_has_ports_of_their_own(house: Path, type_in: Type) -> None:
    with (house / ".env").open("a") as file:
        file.write("DASHBOARD_ADDRESS=127.0.0.1:8743\n")
    for name in ("ada", "bob", "eve"):
        assert type_in("athletes", "add", name).code == 0
    lines = [(house / "athletes" / name / ".env").read_text().splitlines()[-2:] for name in ("ada", "bob", "eve")]
    assert lines == [
        [f"STRAVA_SERVE_ADDRESS=127.0.0.1:{port}", f"DASHBOARD_ADDRESS=127.0.0.1:{port + 1}"]
        for port in (8732, 8752, 8762)
    ]


@pytest.mark.parametrize("name", ["Ada", "../ada", "", ".", "a b", "a" * 33, "ädа", "-ada"])
def test_a_wrong_name_is_refused_and_nothing_is_made(house: Path, type_in: Type, name: str) -> None:
    said = type_in("athletes", "add", "--", name)
    assert said.code == 2
    assert "is no name of an athlete" in said.err
    assert not list((house / "athletes").glob("[!.]*"))


def adopted(house: Path) -> None:
    """An athlete ada, and folders that others might be given."""
    athletes = house / "athletes"
    for folder in ("empty", "photos", "kept", "with-data", "shares", "goals", "ada"):
        (athletes / folder).mkdir(parents=True)
    (athletes / "photos" / "1.jpg").touch()
    (athletes / "photos" / ".env").write_text("COLOUR=red\n")
    (athletes / "kept" / ".env").write_text("DAYS=3\n")
    (athletes / "with-data" / "data" / "bronze").mkdir(parents=True)
    (athletes / "link").symlink_to("ada")
    (athletes / "file").touch()
    (athletes / "shares" / ".env").write_text("STRAVA_SECRETS_DIR=../ada/secrets/more\n")
    (athletes / "goals" / ".env").write_text("STRAVA_DATA_DIR=../ada/data2\n")
    (athletes / "athletes.toml").write_text("[ada]\n")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("empty", None),
        ("kept", None),
        ("with-data", None),
        ("photos", "does not look like an athlete's folder"),
        ("file", "does not look like an athlete's folder"),
        ("link", "it is the folder of ada"),
        ("shares", "and .*/athletes/ada/secrets of ada are in each other"),
        ("goals", "goals.toml, rules.toml and views .* ada would have the same"),
    ],
)
def test_a_folder_that_is_there_is_adopted_if_it_is_an_athletes_and_nobody_elses(
    house: Path, type_in: Type, name: str, why: str | None
) -> None:
    adopted(house)
    before = modes(house)
    said = type_in("athletes", "add", name)
    if why is None:
        assert said.code == 0
        kept = (house / "athletes" / name / ".env").read_text()
        assert (kept == "DAYS=3\n") == (name == "kept")
        return
    assert said.code == 2
    assert re.search(why, said.err)
    assert modes(house).keys() - before.keys() <= {"athletes/.athletes.toml.lock"}
    assert (house / "athletes" / "athletes.toml").read_text() == "[ada]\n"


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("house", None),  # ATHLETES_DIR is in it, and that of ada
        ("house/athletes", "is no folder of one athlete"),
        ("house/athletes/ada", "it is the folder of ada"),
        ("house/athletes/ada/data", "are in each other"),
        ("house/athletes/state", "is for the dashboard of all athletes"),
        ("elsewhere", None),
        ("photos", "does not look like"),
    ],
)
def test_here_takes_the_present_folder_as_it_is(
    house: Path, type_in: Type, monkeypatch: pytest.MonkeyPatch, folder: str, why: str | None
) -> None:
    adopted(house)
    here = house.parent / folder
    here.mkdir(parents=True, exist_ok=True)
    if folder == "photos":
        (here / "1.jpg").touch()
    else:
        (here / "dagster_home").mkdir()
        with (here / ".env").open("a") as file:
            file.write("DAGSTER_HOME=dagster_home\n")
    monkeypatch.setenv("ATHLETES_DIR", str(house / "athletes"))
    monkeypatch.chdir(here)
    before = {path: path.stat().st_mtime_ns for path in [here, *here.rglob("*")] if "athletes.toml" not in path.name}
    said = type_in("athletes", "add", "zoe", "--here")
    if why is not None:
        assert (said.code, bool(re.search(why, said.err))) == (2, True), said
        return
    assert (said.code, said.out.splitlines()[-1]) == (0, "Next: strava-pipeline status --athlete zoe"), said
    registry = (house / "athletes" / "athletes.toml").read_text()
    assert registry == f'[ada]\n\n[zoe]\nfolder = "{here}"\n'
    assert before == {path: path.stat().st_mtime_ns for path in before if path != house / "athletes"} | {
        path: mtime for path, mtime in before.items() if path == house / "athletes"
    }


def test_here_names_what_would_be_lost_because_it_is_not_in_the_env(
    house: Path, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARMIN_PERSONAL_API_KEY", "marked")
    monkeypatch.setenv("STRAVA_DATA_DIR", "/elsewhere")
    said = type_in("athletes", "add", "ada", "--here")
    assert said.code == 2
    assert {"STRAVA_DATA_DIR=/elsewhere", "GARMIN_PERSONAL_API_KEY=<its value>"} <= set(said.err.splitlines())
    assert "marked" not in said.err
    assert not (house / "athletes" / "athletes.toml").exists()


def test_here_names_a_login_that_would_be_lost_with_the_home_folder(house: Path, type_in: Type) -> None:
    key = Path(os.environ["HOME"]) / ".config" / "garmin" / "connect-personal-api-key"
    key.parent.mkdir(parents=True)
    key.write_text("marked")
    key.chmod(0o600)
    (house / "providers.toml").write_text("[providers.garmin]\nenabled = true\n")
    with (house / ".env").open("a") as file:
        file.write("DAGSTER_HOME=dagster_home\n")
    said = type_in("athletes", "add", "ada", "--here")
    assert (said.code, "Garmin Connect: There is no login" in said.err, "marked" in said.err) == (2, True, False), said
    with (house / ".env").open("a") as file:
        file.write(f"GARMIN_PERSONAL_API_KEY_FILE={key}\n")
    assert type_in("athletes", "add", "ada", "--here").code == 0


@pytest.mark.slow
def test_the_option_counts_wherever_it_stands(house: Path, type_in: Type) -> None:
    for name in ("ada", "bob"):
        type_in("athletes", "add", name)
    (house / "athletes" / "bob" / "providers.toml").write_text("[providers.wahoo]\nenabled = true\n")
    for words in (
        ("--athlete", "bob", "status", "--json"),
        ("--athlete=bob", "status", "--json"),
        ("status", "--athlete", "bob", "--json"),
        ("status", "--json", "--athlete=bob"),
    ):
        assert shown(type_in(*words).out)["providers"]["text"] == "enabled: wahoo", words
    assert "wahoo" not in shown(type_in("status", "--json").out)["providers"]["text"]
    for words in (("providers", "list"), *SUBCOMMANDS):
        for place in range(len(words) + 1):
            said = type_in(*words[:place], "--athlete", "eve", *words[place:])
            assert (said.code, "no athlete 'eve'" in said.err) == (2, True), words


def test_words_that_only_look_like_the_option_are_left_alone(house: Path, type_in: Type) -> None:
    for query in ("-- --athlete\nSELECT 1 AS one", "--athlete eve\nSELECT 1 AS one", "--athlete=eve\nSELECT 1 AS one"):
        said = type_in("sql", query)
        assert "athlete" not in said.err.replace("strava-pipeline", ""), said.err
    words = ["service", "exec", "--", "--athlete", "eve"]
    assert athlete_option([*words]) == ([], words)
    assert athlete_option(["sql", "SELECT '--athlete eve'"]) == ([], ["sql", "SELECT '--athlete eve'"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("status", "--athlete"), "requires an argument"),
        (("--athlete", "eve", "status"), "There is no athlete 'eve'. In .*: ada. "),
        (("--athlete", "ada", "athletes", "list"), "about everybody, and not about ada alone"),
        (("status", "--athlete", "ada", "--athlete", "eve"), "--athlete is there twice"),
        (("athletes", "remove", "eve"), "There is no athlete 'eve'"),
        (("athletes", "remove", "ada", "--yes"), "--yes goes with --purge"),
    ],
)
def test_misuse_is_explained(house: Path, type_in: Type, words: tuple[str, ...], why: str) -> None:
    type_in("athletes", "add", "ada")
    said = type_in(*words)
    assert said.code == 2
    assert re.search(why, " ".join(said.err.replace("│", " ").split())), said.err


def test_without_a_house_it_is_said_how_to_begin_one(house: Path, type_in: Type) -> None:
    (house / ".env").write_text("")
    assert (
        f"ATHLETES_DIR is not set. Put ATHLETES_DIR=<a folder for all athletes> into {house}/.env"
        in type_in("athletes", "add", "ada").err
    )
    assert "because ATHLETES_DIR is not set" in type_in("status", "--athlete", "ada").err


def test_a_missing_folder_and_rubbish_in_the_registry_are_named(house: Path, type_in: Type) -> None:
    (house / "athletes").mkdir()
    (house / "athletes" / "athletes.toml").write_text("[gone]\n")
    assert f"The folder of gone is missing: {house}/athletes/gone." in type_in("status", "--athlete", "gone").err
    assert "The folder is missing" in type_in("athletes", "list").out
    (house / "athletes" / "athletes.toml").write_text("[gone\n")
    for words in (
        ("athletes", "list"),
        ("athletes", "add", "ada"),
        ("athletes", "remove", "gone"),
        ("flow", "--athlete", "a"),
    ):
        said = type_in(*words)
        assert (said.code, f"{house}/athletes/athletes.toml is no TOML" in said.err) == (2, True), said
    assert (house / "athletes" / "athletes.toml").read_text() == "[gone\n"
    assert "athletes.toml is no TOML" in type_in("doctor").out


@pytest.mark.slow
def test_paths_on_the_command_line_stay_relative_to_where_it_is_typed(house: Path, type_in: Type) -> None:
    type_in("athletes", "add", "ada")
    for said in (type_in("purge", "--dry-run", "--json", "--athlete", "ada"),):
        assert str(house / "data") not in said.out
    (house / "watch").mkdir()
    said = type_in("import", "watch", "--athlete", "ada")
    assert str(house / "athletes" / "ada" / "watch") not in said.out + said.err


def test_a_folder_that_is_typed_for_good_is_the_one_that_was_meant(
    house: Path, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in("athletes", "add", "ada")
    monkeypatch.setattr("sys.stdin", StringIO(""))
    words = ("start", "--no-pull", "--service", "none", "--archive", "", "--data-dir", "kept", "--athlete", "ada")
    said = type_in(*words)
    assert said.code == 0, said
    assert f"STRAVA_DATA_DIR={house}/kept\n" in (house / "athletes" / "ada" / ".env").read_text()
    assert "strava-pipeline start --athlete ada" in said.out


def test_advice_names_the_athlete(house: Path, type_in: Type) -> None:
    type_in("athletes", "add", "ada")
    said = type_in("status", "--athlete", "ada")
    assert "strava-pipeline auth --athlete ada" in said.out
    assert "--athlete" not in type_in("status").out


@pytest.mark.dear
def test_list_says_who_shares_an_application_and_the_eleventh_is_warned_of(house: Path, type_in: Type) -> None:
    names = [f"a{number:02}" for number in range(1, 12)]
    for name in names[:-1]:
        said = type_in("athletes", "add", name)
        assert said.err == ""
    warned = type_in("athletes", "add", names[-1])
    assert (warned.code, "11 athletes" in warned.err, "Strava lets 10 log in" in warned.err) == (0, True, True)
    assert "Strava lets 10 log in" in type_in("doctor").out
    (house / "athletes" / "a11" / ".env").write_text("STRAVA_CLIENT_ID=8\n")
    report = json.loads(type_in("athletes", "list", "--json").out)
    assert report["applications"] == [
        {"client_id": "7", "athletes": names[:-1]},
        {"client_id": "8", "athletes": ["a11"]},
    ]
    (house / "athletes" / "a02" / ".env").write_text("STRAVA_LEDGER_DIR=apart\n")
    assert "Their calls are counted apart" in type_in("athletes", "list").out


def test_list_shows_a_fault_of_one_and_the_others(house: Path, type_in: Type) -> None:
    for name in ("ada", "bob"):
        type_in("athletes", "add", name)
    (house / "athletes" / "ada" / ".env").write_text("DAYS=marked\n")
    (house / "athletes" / "bob" / "secrets" / "strava_token.json").write_text("{}")
    said = type_in("athletes", "list", "--json")
    ada, bob = json.loads(said.out)["athletes"]
    assert (ada["name"], "DAYS" in ada["problem"], "marked" in said.out) == ("ada", True, False)
    assert bob == {
        "name": "bob",
        "folder": str(house / "athletes" / "bob"),
        "logins": ["strava"],
        "newest_activity_on": None,
        "last_success_at": None,
        "problem": None,
    }


def test_two_with_the_same_account_are_named(house: Path, type_in: Type) -> None:
    for name, account in (("ada", 7), ("bob", 7), ("eve", 8)):
        type_in("athletes", "add", name)
        token = json.dumps({"access_token": "a", "refresh_token": "r", "expires_at": 1, "athlete": {"id": account}})
        (house / "athletes" / name / "secrets" / "strava_token.json").write_text(token)
    line = "ada and bob are logged in with the same account at Strava, so they have the same activities."
    assert line in type_in("athletes", "list").out
    assert line in type_in("doctor").out


def test_remove_takes_the_name_and_leaves_the_folder(house: Path, type_in: Type) -> None:
    for name in ("ada", "bob"):
        type_in("athletes", "add", name)
    folder = house / "athletes" / "ada"
    before = modes(folder)
    said = type_in("athletes", "remove", "ada")
    assert (said.code, said.out) == (0, f"ada is out of the registry. This stays, with what is in it: {folder}\n")
    assert (house / "athletes" / "athletes.toml").read_text() == "[bob]\n"
    assert modes(folder) == before
    assert type_in("athletes", "add", "ada").code == 0  # adopted again


def test_remove_waits_for_nothing_that_works_there(house: Path, type_in: Type) -> None:
    type_in("athletes", "add", "ada")
    folder = house / "athletes" / "ada"
    with live_run(Lake(folder / "data"), "r1"):
        said = type_in("athletes", "remove", "ada")
    assert (said.code, "ada was not removed: " in said.err, "run r1" in said.err) == (1, True, True)
    with exclusive_instance(folder / "dagster_home"):
        said = type_in("athletes", "remove", "ada")
    assert (said.code, "service down --athlete ada" in said.err) == (1, True)
    assert (house / "athletes" / "athletes.toml").read_text() == "[ada]\n"


def test_remove_with_purge_deletes_what_is_theirs_and_names_what_stays(house: Path, type_in: Type) -> None:
    for name in ("ada", "bob"):
        type_in("athletes", "add", name)
        (house / "athletes" / name / "data" / "bronze").mkdir()
        (house / "athletes" / name / "data" / "bronze" / "x.json.gz").write_bytes(b"x")
        (house / "athletes" / name / "secrets" / "strava_token.json").write_text('{"refresh_token": "x"}')
    ada, bob = house / "athletes" / "ada", house / "athletes" / "bob"
    before = modes(bob)
    refused = type_in("athletes", "remove", "ada", "--purge")  # nobody is there to be asked
    assert (refused.code, (ada / "data" / "bronze" / "x.json.gz").exists()) == (2, True)
    assert "[ada]" in (house / "athletes" / "athletes.toml").read_text()
    ledger = house.parent / "ledger"
    ledger.mkdir(exist_ok=True)
    (ledger / "strava-x.json").touch()
    shown = type_in("purge", "--dry-run", "--athlete", "ada").out
    assert str(ada / "secrets" / "strava_token.json") in shown
    assert str(bob) not in shown
    (ada / "secrets" / "strava_token.json").unlink()  # which could not be given back: there is no server
    said = type_in("athletes", "remove", "ada", "--purge", "--yes")
    assert said.code == 0, said
    assert not (ada / "data" / "bronze").exists()
    assert (ada / ".env").exists()
    assert modes(bob) == before
    assert (ledger / "strava-x.json").exists()
    assert (house / "athletes" / "athletes.toml").read_text() == "[bob]\n"


def test_a_purge_of_the_house_does_not_take_athletes_along(house: Path, type_in: Type) -> None:
    text = (house / ".env").read_text().replace("ATHLETES_DIR=athletes", "ATHLETES_DIR=data/athletes")
    (house / ".env").write_text(text)
    type_in("athletes", "add", "ada")
    said = type_in("purge", "--yes")
    assert (said.code, f"{house}/data/athletes is in it. Nothing was deleted." in said.err) == (1, True), said
    assert (house / "data" / "athletes" / "ada" / ".env").exists()


def test_each_athlete_has_a_unit_of_their_own(house: Path, type_in: Type) -> None:
    type_in("athletes", "add", "ada")
    home = Path(os.environ["HOME"])
    assert type_in("service", "install").code == 0
    assert type_in("service", "install", "--athlete", "ada").code == 0
    units = home / ".config" / "systemd" / "user"
    assert sorted(path.name for path in units.iterdir()) == ["strava-pipeline-ada.service", "strava-pipeline.service"]
    text = (units / "strava-pipeline-ada.service").read_text()
    assert f"WorkingDirectory={house}\n" in text  # whose .env says where the registry is
    assert text.count("--athlete ada") == 1
    said = type_in("service", "install", "--uninstall", "--athlete", "ada")
    assert "systemctl --user disable --now strava-pipeline-ada" in said.out
    assert [path.name for path in units.iterdir()] == ["strava-pipeline.service"]


@pytest.mark.parametrize("words", [["--house", "service", "status"], ["service", "status", "--house"]])
def test_the_house_has_a_dagster_and_schedules_of_its_own(house: Path, type_in: Type, words: list[str]) -> None:
    said = type_in(*words)
    assert said.code == 1, "it is not running"
    for schedule in ("daily_runs", "weekly_profiles", "weekly_comparisons", "monthly_comparisons"):
        assert schedule in said.out
    assert str(house / "athletes" / "dagster_home" / "logs") in said.out


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["flow", "--house"], "--house is for dev and service"),
        (["service", "status", "--house", "--athlete", "ada"], "This is about everybody, and not about ada alone"),
        (["service", "exec", "--house"], "The house has no activities of its own"),
        (["athletes", "add", "dagster_home"], "dagster_home is the house's own"),
    ],
)
def test_what_is_no_command_of_the_house(house: Path, type_in: Type, words: list[str], fault: str) -> None:
    type_in("athletes", "add", "ada")
    said = type_in(*words)
    assert (said.code, fault in " ".join(said.err.split())) == (2, True), said.err


def test_the_unit_of_the_house_is_another_than_an_athletes(house: Path, type_in: Type) -> None:
    said = type_in("service", "install", "--print", "--house")
    assert re.search(r"service run --by-unit .*--house$", said.out, re.MULTILINE)
    assert "STRAVA_DATA_DIR" not in said.err
