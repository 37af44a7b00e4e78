"""The verb `auth`: by code, by pasted address, by catching the redirect; what it keeps, refuses and tells."""

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import typer
from typer.testing import CliRunner, Result

from strava_pipeline.core.errors import MissingSettingsError, MisuseError, NeedsLoginError, PipelineError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.consent import RedirectListener, read_consent
from strava_pipeline.ingest.strava.oauth import SCOPES, WRITES
from strava_pipeline.verbs import auth as verb
from strava_pipeline_tests.ingest.strava.test_client import closed_port
from strava_pipeline_tests.ingest.world import SECRET, World
from strava_pipeline_tests.present import there

ADDRESS = "http://localhost/exchange_token"
ALL = "read,activity:read_all,profile:read_all"


@pytest.fixture
def newcomer(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> World:
    """An emulator without a login; the environment points at it."""
    world = make_world()
    for name in Settings.load().environ():
        monkeypatch.delenv(name, raising=False)
    for name, value in world.settings.environ().items():
        monkeypatch.setenv(name, value)
    return world


def run(*args: str, typed: str | None = None) -> Result:
    app = typer.Typer()
    app.command("auth")(verb.auth)
    return CliRunner().invoke(app, list(args), input=typed)


def ok(result: Result) -> Result:
    if result.exception is not None:
        raise result.exception
    return result


def consent(world: World, state: str = "s", scopes: tuple[str, ...] = SCOPES) -> str:
    return world.redirect(world.oauth().authorize_url(ADDRESS, state, scopes))


def code_of(address: str) -> str:
    return read_consent(address, None).code


@pytest.mark.parametrize("bare", [True, False])
def test_a_code_or_a_whole_address_logs_in_without_a_prompt(newcomer: World, bare: bool) -> None:
    address = consent(newcomer, state="from an earlier run")
    result = ok(run("--code", code_of(address) if bare else address))
    token = newcomer.store.load()
    assert token.access_token
    assert f"Logged in as athlete {token.athlete_id}" in result.stdout
    assert token.scope == (None if bare else "read,profile:read_all,activity:read,activity:read_all")
    assert ("bare code doesn't show" in result.stdout) == bare
    calls = newcomer.calls()
    assert (calls["total"], calls["token"], calls["by_endpoint"]) == (1, 1, {"/athlete": 1})


def test_strava_s_terms_are_said_before_anybody_logs_in(newcomer: World) -> None:
    result = run("--code", "no code at all")
    assert newcomer.calls()["by_endpoint"] == {}
    for about in (
        "seven days",
        "not combined",
        "an AI",
        "its own athlete alone",
        "ten athletes",
        "archive",
        "docs/terms.md",
    ):
        assert about in result.stderr, about


def test_the_athlete_is_kept_as_received(newcomer: World) -> None:
    from strava_pipeline.lake.bronze.answers import newest_athlete
    from strava_pipeline.lake.paths import Lake

    ok(run("--code", consent(newcomer)))
    assert there(newest_athlete(Lake(newcomer.settings.data_dir)))[1] == newcomer.foreign_call("/athlete").json()


def prompted(newcomer: World, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str], *options: str) -> Result:
    """Run, with a prompt; `answer` makes what is pasted from the page's address."""
    shown: list[str] = []
    show = verb._show
    monkeypatch.setattr(verb, "_show", lambda url, **more: (shown.append(url), show(url, **more)))
    monkeypatch.setattr(typer, "prompt", lambda _: answer(shown[0]))
    return run(*options)


@pytest.mark.parametrize("shape", ["address", "code", "query", "quoted"])
def test_without_options_it_shows_the_page_and_takes_what_is_pasted(
    newcomer: World, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    def paste(url: str) -> str:
        address = newcomer.redirect(url)
        shapes = {
            "address": address,
            "code": code_of(address),
            "query": address.partition("?")[2],
            "quoted": f" '{address}' ",
        }
        return shapes[shape]

    result = ok(prompted(newcomer, monkeypatch, paste))
    assert f"{newcomer.url}/oauth/authorize?client_id=12345" in result.stdout
    assert newcomer.store.load().access_token


def test_every_login_has_its_own_state(newcomer: World, monkeypatch: pytest.MonkeyPatch) -> None:
    urls: list[str] = []
    for _ in range(2):
        ok(prompted(newcomer, monkeypatch, lambda url: (urls.append(url), newcomer.redirect(url))[1]))
        monkeypatch.undo()
        monkeypatch.chdir(newcomer.settings.data_dir.parent)
        for name, value in newcomer.settings.environ().items():
            monkeypatch.setenv(name, value)
    assert urls[0] != urls[1]


@pytest.mark.parametrize("state", ["other", ""])
def test_an_address_with_another_state_is_refused(newcomer: World, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    result = prompted(newcomer, monkeypatch, lambda _: consent(newcomer, state=state))
    assert isinstance(result.exception, NeedsLoginError)
    assert "state differs" in str(result.exception)
    assert newcomer.calls()["token"] == 0
    assert not newcomer.store.path.exists()


def test_a_denied_consent_is_told(newcomer: World, monkeypatch: pytest.MonkeyPatch) -> None:
    newcomer.order("scopes", denied=True)
    result = prompted(newcomer, monkeypatch, newcomer.redirect)
    assert isinstance(result.exception, NeedsLoginError)
    assert "Access was denied" in str(result.exception)


def test_unticked_boxes_are_told_with_their_consequence(newcomer: World) -> None:
    newcomer.order("scopes", granted=["read", "activity:read", "profile:read_all"])
    result = ok(run("--code", consent(newcomer)))
    assert "Not granted: activity:read_all" in result.stdout
    assert '"Only You" will be missing' in result.stdout
    assert "profile:read_all –" not in result.stdout


SCOPE_CASES: list[tuple[str, tuple[str, ...], list[str] | None, str, str]] = [
    # the login before, options, what the athlete ticks (None: all), the scopes that the page asks for, what is said
    ("", (), None, "-", ""),
    ("", ("--write",), None, "+ force", "This login may change activities"),
    ("", ("--write",), ["read", "activity:read_all", "profile:read_all"], "+ force", "run auth --write again"),
    (WRITES, (), None, "+", "This login may change activities"),
    (WRITES, ("--read-only",), None, "- force", ""),
    ("damaged", (), None, "-", ""),
]


@pytest.mark.parametrize(("before", "options", "ticked", "asked", "said"), SCOPE_CASES)
def test_writing_is_asked_for_on_request_and_kept_until_it_is_given_back(
    newcomer: World,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    options: tuple[str, ...],
    ticked: list[str] | None,
    asked: str,
    said: str,
) -> None:
    if before == "damaged":
        newcomer.store.path.parent.mkdir()
        newcomer.store.path.write_text("{")
    else:
        newcomer.log_in((*SCOPES, *filter(None, [before])))
    newcomer.order("scopes", granted=ticked)
    pages: list[str] = []
    result = ok(prompted(newcomer, monkeypatch, lambda url: pages.append(url) or newcomer.redirect(url), *options))
    page = parse_qs(urlsplit(pages[0]).query)
    assert page["scope"] == [",".join((*SCOPES, WRITES) if asked.startswith("+") else SCOPES)]
    assert page["approval_prompt"] == ["force" if asked.endswith("force") else "auto"]
    assert newcomer.store.load().may_write == (asked.startswith("+") and ticked is None)
    assert (said in result.stdout, "change activities" in result.stdout) == (True, said.startswith("This login"))


def test_scopes_that_strava_gives_unasked_are_said(newcomer: World) -> None:
    newcomer.log_in((*SCOPES, WRITES))
    result = ok(run("--read-only", "--code", consent(newcomer, scopes=(*SCOPES, WRITES))))
    assert "Strava still lets this login change activities" in result.stdout
    assert newcomer.store.load().may_write
    contradiction = run("--read-only", "--write")
    assert isinstance(contradiction.exception, MisuseError)


def catch(newcomer: World, *args: str, port: int) -> tuple[Result, requests.Response]:
    """Run with --listen and play the browser, which also asks for things that are not there."""
    answers: list[requests.Response] = []
    shown = threading.Event()
    urls: list[str] = []
    show = verb._show

    def note(url: str, **more: Any) -> None:
        show(url, **more)
        urls.append(url)
        shown.set()

    def browse() -> None:
        shown.wait(10)
        address = newcomer.redirect(urls[0])
        assert address.startswith(f"http://localhost:{port}/exchange_token?")
        assert requests.get(f"http://127.0.0.1:{port}/favicon.ico", timeout=10).status_code == 404
        assert requests.get(f"http://127.0.0.1:{port}/exchange_token?code=x&state=y", timeout=10).status_code == 400
        answers.append(requests.get(address.replace("localhost", "127.0.0.1"), timeout=10))

    browser = threading.Thread(target=browse)
    browser.start()
    verb._show = note
    try:
        result = ok(run(*args))
    finally:
        verb._show = show
    browser.join()
    return result, answers[0]


@pytest.mark.parametrize("usual", [True, False])
def test_listen_catches_the_redirect_itself(newcomer: World, monkeypatch: pytest.MonkeyPatch, usual: bool) -> None:
    port = closed_port()
    if usual:
        monkeypatch.setattr(verb, "PORT", port)
    result, page = catch(newcomer, "--listen", *([] if usual else [str(port)]), port=port)
    assert page.status_code == 200
    assert "close this window" in page.text
    assert newcomer.store.load().access_token
    assert "Waiting for Strava" in result.stderr
    assert "GET /" not in result.stderr, "a request line holds the code"


def test_the_usual_port_is_8721() -> None:
    assert verb.PORT == 8721


def test_a_listener_gives_up_in_time_and_frees_its_port() -> None:
    with RedirectListener(0, "s") as listener:
        with pytest.raises(PipelineError, match="No answer from Strava's page"):
            listener.wait(0.05)
        port = int(listener.redirect_uri.split(":")[2].partition("/")[0])
    with RedirectListener(port, "s"):
        pass


def test_a_taken_port_says_what_to_do() -> None:
    with RedirectListener(0, "s") as listener:
        port = int(listener.redirect_uri.split(":")[2].partition("/")[0])
        with pytest.raises(PipelineError, match=f"Port {port} can't be listened on .* Try another: --listen PORT"):
            RedirectListener(port, "s")


@pytest.mark.parametrize(
    ("args", "says"), [(("--code", "x", "--listen"), "choose one"), (("9000",), "a port goes with --listen")]
)
def test_misuse_is_told(newcomer: World, args: tuple[str, ...], says: str) -> None:
    result = run(*args)
    assert isinstance(result.exception, MissingSettingsError)
    assert says in str(result.exception)


@pytest.mark.parametrize("args", [("--listen", "0"), ("--listen", "70000"), ("--listen", "http")])
def test_an_impossible_port_is_misuse(newcomer: World, args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == 2


def keep_something(world: World, room: str) -> None:
    file = world.settings.data_dir / "bronze" / room / "x" / "page-0001.json.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")


def be_somebody_else(world: World) -> None:
    world.store.save(world.store.load().with_answer({"athlete_id": 4711}))


@pytest.mark.parametrize("room", ["activities", "activity_details", "archive"])
def test_another_athlete_is_refused_where_data_lies(newcomer: World, room: str) -> None:
    newcomer.log_in()
    be_somebody_else(newcomer)
    keep_something(newcomer, room)
    before = newcomer.store.path.read_bytes()
    result = run("--code", consent(newcomer))
    assert isinstance(result.exception, PipelineError)
    assert "holds data of athlete 4711" in str(result.exception)
    assert newcomer.store.path.read_bytes() == before
    assert newcomer.calls()["total"] == 0
    ok(run("--code", consent(newcomer), "--force"))
    assert newcomer.store.path.read_bytes() != before


def test_another_athlete_may_take_over_a_folder_without_data(newcomer: World) -> None:
    ok(run("--code", consent(newcomer)))
    be_somebody_else(newcomer)
    ok(run("--code", consent(newcomer)))
    assert newcomer.store.load().athlete_id == 3412345678


def test_the_same_athlete_may_log_in_again(newcomer: World) -> None:
    ok(run("--code", consent(newcomer)))
    keep_something(newcomer, "activities")
    ok(run("--code", consent(newcomer)))


def test_a_broken_login_file_is_replaced(newcomer: World) -> None:
    newcomer.store.path.parent.mkdir(parents=True)
    newcomer.store.path.write_text("{")
    ok(run("--code", consent(newcomer)))
    assert newcomer.store.load().access_token


def test_a_login_stands_even_if_the_profile_can_not_be_fetched(newcomer: World) -> None:
    newcomer.fault("/athlete", "status", status=404 + 96, times=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda _: None)
        result = ok(run("--code", consent(newcomer)))
    assert "could not be fetched now" in result.stderr
    assert newcomer.store.load().access_token


def test_a_used_up_code_says_so_and_is_not_shown(newcomer: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    address = consent(newcomer)
    first = ok(run("--code", address))
    second = run("--code", address)
    assert isinstance(second.exception, NeedsLoginError)
    assert "does not accept this code. A code works once" in str(second.exception)
    text = first.output + second.output + caplog.text + repr(second.exception)
    raw = json.loads(newcomer.store.path.read_text())
    for secret in (code_of(address), raw["access_token"], raw["refresh_token"], SECRET):
        assert secret not in text


def test_without_an_app_it_says_what_to_write(newcomer: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STRAVA_CLIENT_ID")
    result = run("--code", "x")
    assert isinstance(result.exception, MissingSettingsError)
    assert f"put these lines into {tmp_path}/.env:\nSTRAVA_CLIENT_ID=" in str(result.exception)


@pytest.mark.parametrize(
    ("text", "state", "code", "scopes"),
    [
        ("abc123", "s", "abc123", None),
        ("  abc123\n", None, "abc123", None),
        (f"{ADDRESS}?state=s&code=abc&scope={ALL}", "s", "abc", tuple(ALL.split(","))),
        (f"{ADDRESS}?code=abc&scope=read%2Cactivity%3Aread", None, "abc", ("read", "activity:read")),
        (f"{ADDRESS}?state=s&code=abc&scope=", "s", "abc", None),
        ("state=s&code=abc", "s", "abc", None),
        ("?state=s&code=abc", "s", "abc", None),
        (f"<{ADDRESS}?state=s&code=abc#_=_>", "s", "abc", None),
    ],
)
def test_a_consent_is_read(text: str, state: str | None, code: str, scopes: tuple[str, ...] | None) -> None:
    found = read_consent(text, state)
    assert (found.code, found.scopes) == (code, scopes)
    assert code not in repr(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no code"),
        ("   ", "no code"),
        (f"{ADDRESS}?state=s", "no code"),
        (f"{ADDRESS}?state=s&code=", "no code"),
        (f"{ADDRESS}?state=s&error=server_error", "no code"),
        (f"{ADDRESS}?state=s&error=access_denied", "denied"),
        (f"{ADDRESS}?state=s&code=a%0Ab", "not one of Strava's codes"),
        ("a b", "not one of Strava's codes"),
        (f"{ADDRESS}?state=x&code=abc", "state differs"),
        (f"{ADDRESS}?code=abc", "state differs"),
        (f"{ADDRESS}?state=s&state=x&code=abc", "state differs"),
        ("http://[::1", "no code"),
    ],
)
def test_what_is_no_consent_is_told(text: str, says: str) -> None:
    state = None if text in ("", "   ", "http://[::1") else "s"
    with pytest.raises(NeedsLoginError, match=says):
        read_consent(text, state)
