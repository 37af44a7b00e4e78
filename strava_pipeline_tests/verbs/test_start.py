"""`start`: what is asked, what is written, and what rubbish leaves behind. The first pull is e2e/test_first_hour.py's."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
import typer

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.consent import read_consent
from strava_pipeline.ingest.registry import missing_login
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.verbs import provider_pulls, start
from strava_pipeline.verbs.options import all_years
from strava_pipeline_tests.ingest.garmin import subject as garmin_subject
from strava_pipeline_tests.ingest.intervals_icu.subject import IntervalsIcuSubject
from strava_pipeline_tests.ingest.intervals_icu.subject import running as running_intervals
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.providers import toy_service
from strava_pipeline_tests.verbs.conftest import Type, Typed

KEY = IntervalsIcuSubject.secret
ENABLED = "[providers.intervals_icu]\nenabled = true\n"


class Keyboard(StringIO):
    """Standard input of a person."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which no setting is set."""
    for name in (*Settings.variables(), "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def intervals(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IntervalsIcuSubject]:
    with running_intervals() as subject:
        monkeypatch.setenv("INTERVALS_BASE_URL", subject.settings["intervals_base_url"])
        monkeypatch.setenv("INTERVALS_ATHLETE_ID", subject.settings["intervals_athlete_id"])
        yield subject


@pytest.fixture
def piped(type_in: Type, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Typed]:
    """`piped("key", "--service", "garmin")`: without a terminal, with the first text on standard input; nothing is pulled."""

    def typed(text: str, *options: str) -> Typed:
        monkeypatch.setattr(sys, "stdin", StringIO(text))
        return type_in("start", "--no-pull", *options)

    return typed


@pytest.fixture
def answers(type_in: Type, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Typed, list[str]]]:
    """`answers("2", "", …)`: what a person types at a terminal, question by question; and the questions, hidden ones with a *."""

    def typed(*texts: Any) -> tuple[Typed, list[str]]:
        left, asked = iter(texts), list[str]()

        def prompt(question: str, *, hide_input: bool = False, **_: Any) -> Any:
            asked.append(f"{question}{'*' if hide_input else ''}")
            text = next(left)
            if text is KeyboardInterrupt:
                raise typer.Abort
            return text() if callable(text) else text

        monkeypatch.setattr(sys, "stdin", Keyboard())
        monkeypatch.setattr("typer.prompt", prompt)
        monkeypatch.setattr("typer.confirm", prompt)
        said = type_in("start", "--no-pull")
        assert next(left, None) is None
        return said, asked

    return typed


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_key_goes_into_env_once_the_service_accepts_it(
    here: Path, intervals: IntervalsIcuSubject, piped: Callable[..., Typed]
) -> None:
    (here / ".env").write_text("# mine\nDAYS=7 # a week\n")
    said = piped(f"{KEY}\n", "--service", "intervalsicu", "--data-dir", "my data")
    assert said.code == 0, said.err
    assert (
        here / ".env"
    ).read_text() == f"# mine\nDAYS=7 # a week\nSTRAVA_DATA_DIR='my data'\nINTERVALS_API_KEY={KEY}\n"
    assert (here / ".env").stat().st_mode & 0o777 == 0o600
    assert (here / "providers.toml").read_text() == ENABLED
    settings = Settings.load()
    assert (settings.data_dir, missing_login("intervals_icu", settings)) == (here / "my data", None)
    assert KEY not in said.out + said.err
    assert said.out.splitlines()[-1].endswith("strava-pipeline start"), "nothing was fetched yet"
    before, calls = files(here), len(intervals.journal.log)
    said = piped("", "--service", "intervals_icu")
    assert (said.code, files(here), len(intervals.journal.log)) == (0, before, calls), "what is here stays"
    assert "the login that is here stays" in said.err


def test_a_login_that_is_a_file_is_made_as_providers_login_makes_it(
    here: Path, piped: Callable[..., Typed], monkeypatch: pytest.MonkeyPatch
) -> None:
    with garmin_subject.running(garmin_subject.KeySubject) as garmin:
        monkeypatch.setenv("GARMIN_PERSONAL_API_BASE_URL", garmin.settings["garmin_personal_api_base_url"])
        said = piped(f"{garmin.secret}\n2027-03-01\n", "--service", "garmin")
        assert said.code == 0, said.err
        assert json.loads((here / "secrets" / "garmin_personal_key.json").read_text())["ends_on"] == "2027-03-01"
        assert garmin.secret not in said.out + said.err
    assert not (here / ".env").exists()
    assert (here / "providers.toml").read_text() == "[providers.garmin]\nenabled = true\n"


def test_strava_is_one_of_the_services(here: Path, answers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(EmulatorConfig(now=toy_service.NOW, activities=1)) as strava:
        monkeypatch.setenv("STRAVA_BASE_URL", strava.url)
        page = World(strava.url, here).oauth().authorize_url("http://localhost/exchange_token", "s")

        def code() -> str:
            return read_consent(requests.get(page, allow_redirects=False, timeout=10).headers["Location"], None).code

        right = ("12345", "emulator-secret", code)
        said, asked = answers("4", "", "", "12345", "wrong", "x y", True, code, True, *right)
    assert said.code == 0, said.err
    paste = "Paste that address, or its code"
    application = ["Client ID", "Client secret*"]
    assert asked[3:] == [*application, paste, "Try again?", paste, "Try again?", *application, paste]
    assert (here / ".env").read_text() == "STRAVA_CLIENT_ID=12345\nSTRAVA_CLIENT_SECRET=emulator-secret\n"
    assert (here / "secrets" / "strava_token.json").exists()
    assert not (here / "providers.toml").exists()


def test_rubbish_is_asked_again_and_a_refused_key_too(here: Path, intervals: IntervalsIcuSubject, answers: Any) -> None:
    (here / "file").write_text("")
    number, _, archive, _, folder, _, key, again, _, days = answers(
        "9", "2", "/no/such.zip", "", "file", "", "wrong-key", True, KEY, True
    )[1]
    assert (number, key) == ("Number or name (Enter: none)", "API key*")
    assert (archive, folder) == (
        "Archive of Strava or Garmin, or a folder of files (Enter: none)",
        "Where to keep everything (Enter: data)",
    )
    assert (again, days) == ("Try again?", "Days and nights, too: sleep, resting heart rate, weight, steps?")
    assert (here / "providers.toml").read_text() == f"{ENABLED}wellness = true\n"
    assert (here / ".env").read_text() == f"INTERVALS_API_KEY={KEY}\n"
    said, asked = answers("", "", "")
    assert asked[0] == "Number or name (Enter: as it is, intervals.icu)"
    assert (said.code, "the login that is here stays" in said.err) == (0, True)
    intervals.service.key = "another-key"
    said, asked = answers("2", "", "", True, "another-key")
    assert asked[3] == "A login at intervals.icu is here. Replace it?"
    assert (said.code, (here / ".env").read_text()) == (0, "INTERVALS_API_KEY=another-key\n")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("1", "garmin"), ("GARMIN", "garmin"), ("Garmin Connect", "garmin"), ("intervals", "intervals_icu"),
        ("intervals.icu", "intervals_icu"), ("ride-with-gps", "ridewithgps"), ("strava", "strava"),
        ("spreadsheet", "spreadsheet"), ("none", None), ("0", None), ("Files", None),
    ],
)  # fmt: skip
def test_numbers_and_names_of_the_menu_are_taken(typed: str, name: str | None) -> None:
    assert start._chosen(typed, start._shown_sources(), ["wahoo"]) == ([name] if name else [])


@pytest.mark.parametrize("typed", ["99", "-1", "1 3", "watch", "…"])
def test_rubbish_is_answered_with_the_names_to_choose_from(typed: str) -> None:
    names = "Garmin Connect, intervals.icu, Ride with GPS, Strava, Wahoo, or none"
    with pytest.raises(MisuseError, match=rf"^{re.escape(typed)} is none of these\. Possible: {names}\.$"):
        start._chosen(typed, start._shown_sources(), [])


def test_a_wrong_day_is_asked_again_and_the_key_is_kept(
    here: Path, answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with garmin_subject.running(garmin_subject.KeySubject) as garmin:
        monkeypatch.setenv("GARMIN_PERSONAL_API_BASE_URL", garmin.settings["garmin_personal_api_base_url"])
        said, asked = answers("1", "", "", "x" * 40, True, garmin.secret, "in March", "2020-03-01", "1.3.2099", False)
    assert (said.code, [question.partition(",")[0] for question in asked[3:]]) == (
        0,
        ["Key*", "Try again?", "Key*", *["Its last day"] * 3, "Days and nights"],
    )
    assert ("wrong, expired or deleted" in said.err, "--key" in said.err) == (True, False), "it is asked again at once"
    assert json.loads((here / "secrets" / "garmin_personal_key.json").read_text())["ends_on"] == "2099-03-01"


@pytest.mark.parametrize(
    "texts", [("2", KeyboardInterrupt), ("2", "", "", KeyboardInterrupt), ("2", "", "", "bad", False)]
)
def test_whoever_stops_half_way_leaves_nothing_behind(
    here: Path, intervals: IntervalsIcuSubject, answers: Any, texts: tuple[Any, ...]
) -> None:
    said, _ = answers(*texts)
    assert said.code == (1 if texts[-1] is False else 130)
    assert files(here) == {}
    assert answers("2", "", "", KEY, False)[0].code == 0, "and goes on with the same command"


@pytest.mark.parametrize(
    ("options", "code", "fault"),
    [
        (
            [],
            2,
            "There is no terminal to ask you at. Name the answers: --service NAME (or none), --archive PATH, --data-dir",
        ),
        (["--service", "garmn"], 2, "garmn is none of these. Possible: Garmin Connect, intervals.icu, Ride with GPS, "),
        (["--archive", "/no/such.zip"], 2, "There is no /no/such.zip; name a file or a folder that exists."),
        (["--service", "none", "--data-dir", "providers.toml"], 2, "providers.toml is a file; name a folder."),
        (["--service", "intervals_icu"], 2, "API key is needed, and nothing was given."),
        (["--service", "ridewithgps"], 2, "API key is needed, and nothing was given."),
        (["--service", "strava"], 2, "Client ID is needed, and nothing was given."),
        (["--service", "wahoo"], 2, "Client ID is needed, and nothing was given."),
        (["--service", "garmin"], 2, "That is no key."),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_written(
    here: Path, piped: Callable[..., Typed], options: list[str], code: int, fault: str
) -> None:
    (here / "providers.toml").write_text("# mine\n")
    said = piped("", *options)
    assert (said.code, said.out, fault in said.err) == (code, "", True), said.err
    assert files(here) == {"providers.toml": "# mine\n"}


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("providers.toml", "[providers.garmin\n", "providers.toml is no TOML in UTF-8"),
        ("providers.toml", "[providers.garmn]\n", "providers.toml can't be used"),
        (".env", "DAYS=soon\n", "DAYS"),
        (".env", "INTERVALS_API_KEY=\nA=${INTERVALS_API_KEY}x\n", ".env as it is written. Nothing was changed"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_stays(
    here: Path, intervals: IntervalsIcuSubject, piped: Callable[..., Typed], name: str, text: str, fault: str
) -> None:
    (here / name).write_text(text)
    said = piped(f"{KEY}\n", "--service", "intervals_icu")
    assert (said.code > 0, fault in said.err) == (True, True), said.err
    assert files(here) == {name: text}
    assert KEY not in said.err


def test_a_refused_key_is_not_kept(here: Path, intervals: IntervalsIcuSubject, piped: Callable[..., Typed]) -> None:
    said = piped("bad-key\n", "--service", "intervals_icu")
    assert (said.code, "intervals.icu does not accept the login. Check INTERVALS_API_KEY" in said.err) == (1, True)
    assert files(here) == {}


@pytest.mark.parametrize("code", [0, 3])
def test_of_a_new_service_this_year_is_first_and_the_rest_if_it_came(
    here: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    settings = Settings(_env_file=None, data_dir=here / "data", first_year=2020)
    asked: list[tuple[list[str], tuple[str, ...]]] = []

    def pull(settings: Settings, of: list[str], wants: Any, **_: object) -> dict[str, Any]:
        asked.append((of, tuple(wants)))
        return {"intervals_icu": code}

    monkeypatch.setattr(provider_pulls, "pull_and_report", pull)
    monkeypatch.setattr(provider_pulls, "wanted", lambda settings, *, years, **_: years)
    monkeypatch.setattr(provider_pulls, "exit_code", max)
    names = ["intervals_icu", "spreadsheet"]
    first = (["intervals_icu"], (str(max(all_years(settings))),))
    assert start._pull_services(settings, names) == code
    assert asked == ([first] if code else [first, (names, ())])


def test_a_setting_of_the_environment_is_not_written_in_vain(
    here: Path, piped: Callable[..., Typed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAVA_DATA_DIR", "/no/such/place")
    said = piped("", "--service", "none", "--data-dir", "mine")
    assert (said.code, said.err) == (
        2,
        f"STRAVA_DATA_DIR is set in the environment, which counts before {here}/.env. Unset it there, or change it there.\n",
    )
    assert files(here) == {}


def test_a_zone_that_activities_do_not_say_is_asked_for(here: Path, answers: Any, new_lake: NewLake) -> None:
    lake = new_lake(here / "data")
    put(lake, [activity(1, "2025-05-01T08:00", timezone=None, utc_offset=3600.0)])  # as Garmin by its key has it
    publish(lake)
    said, asked = answers("0", "", "", "Wien", "Europe/Vienna")
    assert (said.code, "'Wien' is no time zone" in said.err) == (0, True), said.err
    assert "time zone" in asked[-1]
    assert (here / "goals.toml").read_text() == 'timezone = "Europe/Vienna"\n'
    assert "STRAVA_TIMEZONE=Europe/Vienna" in (here / ".env").read_text(), "schedules go by it, too"
    assert answers("0", "", "")[0].code == 0, "it is known"


def test_the_zone_that_a_person_set_is_proposed_and_kept(
    here: Path, answers: Any, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = new_lake(here / "data")
    put(lake, [activity(1, "2025-05-01T08:00", timezone=None, utc_offset=3600.0)])
    publish(lake)
    assert "(Enter: UTC+01:00)" in answers("0", "", "", "")[1][-1]
    assert not (here / "goals.toml").exists(), "a default is not what a person said"
    monkeypatch.setenv("STRAVA_TIMEZONE", "Europe/Berlin")
    assert "(Enter: Europe/Berlin)" in answers("0", "", "", "")[1][-1]
    assert (here / "goals.toml").read_text() == 'timezone = "Europe/Berlin"\n'
