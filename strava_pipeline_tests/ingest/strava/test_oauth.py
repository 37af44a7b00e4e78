"""Tokens: bought, renewed in time, by one process at a time, saved before use; refusals say what a person must do."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from strava_pipeline.core.errors import (
    LoginServiceError,
    MissingSettingsError,
    NeedsLoginError,
    PipelineError,
    WrongApplicationError,
)
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.strava.oauth import (
    SCOPES,
    StoredToken,
    access_tokens,
    make_oauth,
    missing_scopes,
)
from strava_pipeline_tests.ingest.world import World

SAMPLES = {  # samples/strava/http/oauth and /client, and facts/strava_api.md
    "invalid_client": (400, [{"resource": "Application", "field": "client_id", "code": "invalid"}]),
    "invalid_secret": (401, [{"resource": "Application", "field": "", "code": "invalid"}]),
    "named_secret": (400, [{"resource": "Application", "field": "client_secret", "code": "invalid"}]),
    "invalid_code": (400, [{"resource": "RequestToken", "field": "code", "code": "invalid"}]),
    "dead_refresh": (400, [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}]),
    "inactive": (403, [{"resource": "Application", "field": "Status", "code": "Inactive"}]),
    "bare_403": (403, []),
    "odd_400": (400, "Rate Limit Exceeded"),
}


def access(world: World, *, wrong: timedelta = timedelta(0), **more: Any) -> AccessTokens[StoredToken]:
    settings = world.settings.model_copy(update=more)
    clock = world.clock(wrong)
    return access_tokens(world.store, make_oauth(settings, make_wire(settings, clock), clock), clock)


def age(world: World, **fields: Any) -> None:
    """Make the stored access token look expired."""
    world.store.save(world.store.load().with_answer({"expires_at": 1, "expires_at_local": 1, **fields}))


@pytest.mark.parametrize(
    ("sample", "kind", "says"),
    [
        (
            "invalid_client",
            WrongApplicationError,
            "STRAVA_CLIENT_ID is wrong. Compare with https://www.strava.com/settings/api",
        ),
        ("invalid_secret", WrongApplicationError, "STRAVA_CLIENT_ID or STRAVA_CLIENT_SECRET is wrong"),
        ("named_secret", WrongApplicationError, "STRAVA_CLIENT_SECRET is wrong"),
        ("invalid_code", NeedsLoginError, "A code works once, for some minutes: open the page again"),
        ("dead_refresh", NeedsLoginError, "no longer accepts the refresh token"),
        ("inactive", WrongApplicationError, "subscribe, then reactivate it at https://www.strava.com/settings/api"),
        ("bare_403", LoginServiceError, "refuses for now (403), 3 times. If it stays so, run strava-pipeline auth"),
        ("odd_400", PipelineError, "answered 400"),
    ],
)
def test_a_refusal_says_what_a_person_must_do(world: World, sample: str, kind: type[PipelineError], says: str) -> None:
    age(world)
    status, errors = SAMPLES[sample]
    asked = 3 if sample == "bare_403" else 1  # which is no certain word about the login
    world.fault("/oauth/token", "status", status=status, times=asked, body={"message": "Bad Request", "errors": errors})
    with pytest.raises(PipelineError, match=re.escape(says)) as caught:
        access(world).get()
    assert isinstance(caught.value, kind)
    assert (world.store.load().refused_at is not None) == (sample == "dead_refresh")
    assert world.calls()["token"] == 1 + asked, "one at login, and else one refused, without a retry"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"client_id": "999"}, "STRAVA_CLIENT_ID is wrong"), ({"client_secret": "x"}, "STRAVA_CLIENT_SECRET is wrong")],
)
def test_a_wrong_application_is_named(world: World, wrong: dict[str, str], says: str) -> None:
    age(world)
    given = {"client_id": "12345", "client_secret": "emulator-secret", **wrong}
    settings = Settings(_env_file=None, base_url=world.url, **given)
    with pytest.raises(NeedsLoginError, match=says):
        access(world, client_id=settings.client_id, client_secret=settings.client_secret).get()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "html", "status": 503},
        {"kind": "reset"},
        {"kind": "empty"},
        {"kind": "body", "body": {}},
        {"kind": "body", "body": {"access_token": "x"}},
        {"kind": "truncate"},
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(world: World, fault: dict[str, Any]) -> None:
    age(world)
    lost = fault["kind"] == "truncate"  # the emulator did the work: the refresh token is rotated
    world.fault("/oauth/token", times=2 if not lost else 1, **fault)
    if lost:
        with pytest.raises(NeedsLoginError, match="An answer was lost just before"):
            access(world).get()
        return
    assert access(world).get() == world.store.load().access_token
    world.fault("/oauth/token", times=3, **fault)
    age(world)
    with pytest.raises(LoginServiceError, match=r"3 times\. Nothing was lost; run the same command again later"):
        access(world).get()


def test_a_lost_answer_is_asked_for_again_and_explained_if_that_fails(world: World) -> None:
    age(world)
    world.fault("/oauth/token", "reset", processed=True)
    with pytest.raises(NeedsLoginError, match="An answer was lost just before; it may have held the successor"):
        access(world).get()
    assert [entry[3] for entry in world.calls()["log"]][-2:] == [0, 400]


def test_a_process_under_a_wrong_clock_takes_the_token_that_another_one_has_just_bought(world: World) -> None:
    """It starts when the token is saved but no call was answered yet, so the ledger doesn't tell the server's time either."""
    for wrong in (timedelta(days=200), -timedelta(days=200), timedelta(0)):
        age(world)
        before = world.calls()["token"]
        bought = access(world, wrong=wrong).get()
        assert access(world, wrong=wrong).get() == bought
        assert world.calls()["token"] == before + 1
        local = world.store.load().expires_at_local
        world.sleep((local - world.clock(wrong).local()).total_seconds() - 60)
        assert access(world, wrong=wrong).get() != bought, "it dies in a minute"


def test_a_rotated_refresh_token_is_saved_before_it_is_used(world: World) -> None:
    before = world.store.load()
    age(world)
    token = access(world).get()
    after = world.store.load()
    assert after.access_token == token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert (after.scope, after.athlete_id) == (before.scope, before.athlete_id)


def test_a_file_with_only_a_refresh_token_buys_the_rest(world: World) -> None:
    world.store.save(StoredToken({"refresh_token": world.store.load().refresh_token}))
    assert access(world).get() == world.store.load().access_token
    assert world.store.load().expires_at is not None


def test_a_token_without_a_date_is_used_until_it_is_refused(world: World) -> None:
    raw = dict(world.store.load().raw)
    del raw["expires_at"]
    world.store.save(StoredToken(raw))
    tokens = access(world)
    assert tokens.get() == raw["access_token"]
    assert tokens.renew(raw["access_token"]) != raw["access_token"]


def test_a_refused_token_that_another_process_replaced_is_not_renewed_again(world: World) -> None:
    first, second = access(world), access(world)
    rejected = first.get()
    assert second.get() == rejected
    fresh = second.renew(rejected)
    assert first.renew(rejected) == fresh
    assert first.get() == fresh
    assert world.calls()["token"] == 2


def test_the_consent_page_is_asked_for_everything_that_is_needed(world: World) -> None:
    parts = urlsplit(world.oauth().authorize_url("http://localhost/exchange_token", "st&te"))
    assert (parts.netloc, parts.path) == (urlsplit(world.url).netloc, "/oauth/authorize")
    assert parse_qs(parts.query) == {
        "client_id": ["12345"],
        "redirect_uri": ["http://localhost/exchange_token"],
        "response_type": ["code"],
        "approval_prompt": ["auto"],
        "scope": ["read,activity:read,activity:read_all,profile:read_all"],
        "state": ["st&te"],
    }


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (SCOPES, []),
        (("read", "activity:read"), ["activity:read_all", "profile:read_all"]),
        (("read", "activity:read_all", "profile:read_all"), []),
        (("read",), ["activity:read", "activity:read_all", "profile:read_all"]),
        ((), list(SCOPES)),
        ((*SCOPES, "more"), []),
    ],
)
def test_missing_scopes_are_told_with_their_consequences(granted: tuple[str, ...], missing: list[str]) -> None:
    found = missing_scopes(SCOPES, granted)
    assert [scope for scope, _ in found] == missing
    assert all(consequence and "some data" not in consequence for _, consequence in found)


def test_no_login_yet_is_told_on_connecting(world: World) -> None:
    world.store.path.unlink()
    with pytest.raises(MissingSettingsError, match="run strava-pipeline auth"):
        world.connect()


def test_the_application_is_asked_for_first(world: World) -> None:
    world.store.path.unlink()
    with pytest.raises(MissingSettingsError, match="STRAVA_CLIENT_ID"):
        world.connect(settings=world.settings.model_copy(update={"client_id": None}))


def test_the_login_file_is_stravas_answer(world: World) -> None:
    raw = json.loads(world.store.path.read_text())
    assert {"token_type", "expires_at", "expires_in", "refresh_token", "access_token", "athlete", "scope"} <= set(raw)
