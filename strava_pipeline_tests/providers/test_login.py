"""`providers login`: a provider's own way to log in, and logins that are settings."""

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import registry
from strava_pipeline_tests.providers.subjects import ToySubject, tin, toy
from strava_pipeline_tests.providers.toy import client as toy_client
from strava_pipeline_tests.providers.toy_service import Toy
from strava_pipeline_tests.verbs.conftest import Type


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [*registry.PROVIDERS]:  # the toys alone
        monkeypatch.delitem(registry.PROVIDERS, name)
    folders = {name: tmp_path / name for name in ("data_dir", "secrets_dir", "logs_dir", "ledger_dir", "dagster_home")}
    found = Settings.load(_env_file=None, **folders, providers_config=tmp_path / "providers.toml")
    for name, value in found.environ().items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToySubject]:
    with toy(monkeypatch) as subject:
        yield subject


@pytest.fixture
def tin_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    with tin(monkeypatch) as service:
        yield service


def login_of(settings: Settings) -> Path:
    (path,) = toy_client.login_files(settings)
    return path


def test_a_file_of_tokens_becomes_the_login_and_only_its_owner_can_read_it(
    settings: Settings, service: ToySubject, tmp_path: Path, type_in: Type
) -> None:
    (tmp_path / "tokens.json").write_text(json.dumps({"key": toy_client.KEY}))
    said = type_in("providers", "login", "toy", "--tokens", str(tmp_path / "tokens.json"))
    assert (said.code, said.err) == (0, "")
    assert f"Logged in to Toy; the login is kept in {login_of(settings)}." in said.out
    assert toy_client.KEY not in said.out
    assert "[providers.toy]\nenabled = true" in said.out
    assert login_of(settings).stat().st_mode & 0o777 == 0o600
    assert not service.journal.log, "nothing is asked without --check"


def test_without_a_file_the_provider_asks_a_person(
    settings: Settings, service: ToySubject, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"Your name at the toy": "me", "Key": toy_client.KEY}
    hidden: list[str] = []

    def prompt(question: str, *, hide_input: bool = False, err: bool) -> str:
        if hide_input:
            hidden.append(question)
        return answers[question]

    monkeypatch.setattr("typer.prompt", prompt)
    settings.providers_config.write_text("[providers.toy]\nenabled = true")
    said = type_in("providers", "login", "toy", "--check")
    assert said.code == 0
    assert said.out.splitlines()[1:] == ["Toy accepts the login of account toy-account."]
    assert hidden == ["Key"]
    assert json.loads(login_of(settings).read_text())["name"] == "me"


@pytest.mark.parametrize(
    ("write", "fault"),
    [(lambda path: None, "is no file."), (lambda path: path.write_text("{}"), "holds no key of the toy.")],
    ids=["missing", "of another kind"],
)
def test_a_file_that_is_no_login_changes_nothing(
    settings: Settings, service: ToySubject, tmp_path: Path, type_in: Type, write: Callable[[Path], object], fault: str
) -> None:
    service.log_in(settings)
    before = login_of(settings).read_text()
    write(tmp_path / "tokens.json")
    said = type_in("providers", "login", "toy", "--tokens", str(tmp_path / "tokens.json"))
    assert (said.code, said.out) == (2, "")
    assert said.err == f"{tmp_path / 'tokens.json'} {fault}\n"
    assert login_of(settings).read_text() == before


def test_a_login_that_the_service_refuses_is_reported_by_the_check(
    settings: Settings, service: ToySubject, tmp_path: Path, type_in: Type
) -> None:
    (tmp_path / "tokens.json").write_text('{"key": "old"}')
    said = type_in("providers", "login", "toy", "--check", "--tokens", str(tmp_path / "tokens.json"))
    assert said.code == 1
    assert "Toy does not accept the login. Ask the toy for a new key." in said.err


def test_a_login_that_is_a_setting_is_named_and_asked_only_by_the_check(
    settings: Settings, tin_service: Toy, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = type_in("providers", "login", "tin")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("The login of Tin toy is in settings: TIN_KEY, from the environment or ")
    assert not tin_service.journal.log
    said = type_in("providers", "login", "tin", "--check")
    assert "Tin toy accepts the login of account toy-account." in said.out
    said = type_in("providers", "login", "tin", "--tokens", "tokens.json")
    assert said.code == 2
    assert said.err == "The login of Tin toy is in settings (TIN_KEY), so there is no file of tokens.\n"
    for options, why in (
        (("--code", "x"), "The login of Tin toy is in settings (TIN_KEY); no page of the service is shown."),
        (("--listen",), "The login of Tin toy is in settings (TIN_KEY); no page of the service is shown."),
        (("--listen", "--code", "x"), "--code and --listen are two ways to log in; choose one."),
        (("8721",), "A port goes with --listen."),
    ):
        said = type_in("providers", "login", "tin", *options)
        assert (said.code, why in said.err) == (2, True)
    monkeypatch.delenv("TIN_KEY")
    said = type_in("providers", "login", "tin")
    assert (said.code, said.out, said.err) == (2, "", "TIN_KEY is not set. Ask the tin toy for a key.\n")


def test_the_list_shows_every_provider_whether_it_is_enabled_and_what_its_login_lacks(
    settings: Settings, service: ToySubject, tin_service: Toy, type_in: Type
) -> None:
    settings.providers_config.write_text("[providers.tin]\nenabled = true\npriority = 8")
    shown = json.loads(type_in("providers", "list", "--json").out)["providers"]
    assert [shown["tin"][name] for name in ("enabled", "login_problem", "priority")] == [True, None, 8]
    assert shown["toy"] == {
        "title": "Toy",
        "enabled": False,
        "login_problem": "There is no toy_login.json yet. Ask the toy for a key.",
        "priority": 4,
        "capabilities": ["files", "windows"],
        "edits": ["name"],
        "kinds": ["gear"],
    }
    assert not [*service.journal.log, *tin_service.journal.log]


def test_the_list_says_if_it_is_empty(settings: Settings, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PROVIDERS", {})
    assert type_in("providers", "list").out == "None: this version knows no service besides Strava.\n"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("tyo", "There is no provider tyo. Known besides Strava: .*toy"),
        ("strava", "Strava has commands of its own: `strava-pipeline auth` logs in"),
    ],
)
def test_a_name_without_a_login_here_says_what_to_type(
    settings: Settings, service: ToySubject, type_in: Type, name: str, what: str
) -> None:
    said = type_in("providers", "login", name)
    assert said.code == 2
    assert re.search(what, said.err)


@pytest.mark.parametrize("name", sorted(registry.PROVIDERS))
def test_every_provider_says_how_to_log_in(name: str) -> None:
    module = import_module(registry.PROVIDERS[name])
    settings = getattr(module, "LOGIN_SETTINGS", ())
    both = hasattr(module, "is_application_set")
    assert (bool(settings) != hasattr(module, "login")) or both, (
        "settings, or a way to get a login, or a choice of both"
    )
    assert set(settings) <= Settings.variables()


def test_another_name_of_a_provider_is_the_provider(
    settings: Settings, tin_service: Toy, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.ALIASES, "tintoy", "tin")
    assert type_in("providers", "login", "tintoy").out.startswith("The login of Tin toy")
