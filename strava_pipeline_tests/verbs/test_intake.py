"""The verb `subscription` as a person types it, with a callback on this machine that does the handshake."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from strava_pipeline.core.deliveries import intake_path
from strava_pipeline.ingest.strava.subscriptions import subscription_id
from strava_pipeline.ingest.strava.webhooks import verify_token
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.subscriber import Subscriber, subscriber
from strava_pipeline_tests.verbs.conftest import Type, Typed, TypeOn

SECRET = "a-secret-of-32-characters-or-more"
APPLICATION = {"client_id": "12345", "client_secret": "emulator-secret"}


@pytest.fixture
def hook() -> Iterator[Subscriber]:
    with subscriber() as made:
        yield made


@pytest.fixture
def own(make_rig: Make) -> Rig:
    """Without a login, with a secret."""
    return make_rig(activities=1, logged_in=False, settings={"webhook_secret": SECRET})


@pytest.fixture
def typed(own: Rig, type_on: TypeOn) -> Iterator[Type]:
    """Nothing that is typed shows the secret, the token made of it, or the application's."""
    said: list[Typed] = []

    def keep(*words: str) -> Typed:
        said.append(type_on(own)(*words))
        return said[-1]

    yield keep
    shown = "".join(each.out + each.err for each in said)
    assert not [secret for secret in (SECRET, verify_token(SECRET), APPLICATION["client_secret"]) if secret in shown]


def kept(rig: Rig) -> Path:
    return rig.settings.secrets_dir / "strava_subscription.json"


def at_strava(rig: Rig) -> list[int]:
    shown = requests.get(f"{rig.emulator.url}/api/v3/push_subscriptions", params=APPLICATION, timeout=10).json()
    return [each["id"] for each in shown]


def foreign(rig: Rig, callback: str) -> int:
    """A subscription that another program made."""
    fields = APPLICATION | {"callback_url": callback, "verify_token": "x"}
    made = requests.post(f"{rig.emulator.url}/api/v3/push_subscriptions", data=fields, timeout=10).json()
    return int(made["id"])


def test_create_view_delete(own: Rig, typed: Type, hook: Subscriber) -> None:
    assert json.loads(typed("subscription", "view", "--json").out) == {"subscription": None}
    made = json.loads(typed("subscription", "create", "--callback", hook.base, "--json").out)
    [(path, query)] = hook.asked
    assert (path, query["hub.verify_token"]) == (intake_path("strava", SECRET), verify_token(SECRET))
    [identity] = at_strava(own)
    assert made == {"subscription": {"id": identity, "callback": f"{hook.base}/webhooks/strava/***", "ours": True}}
    assert subscription_id(own.settings) == identity
    assert stat.S_IMODE(kept(own).stat().st_mode) == 0o600
    assert json.loads(kept(own).read_bytes()) == {
        "id": identity,
        "callback_url": hook.base + intake_path("strava", SECRET),
    }
    assert json.loads(typed("subscription", "view", "--json").out) == made
    assert f"id {identity}" in typed("subscription", "view").out
    assert json.loads(typed("subscription", "delete", "--json").out) == {"deleted": identity}
    assert (at_strava(own), kept(own).exists()) == ([], False)
    again = typed("subscription", "delete")
    assert (again.code, "no subscription" in again.out) == (0, True)


@pytest.mark.parametrize("base", ["{}/", "{}/behind/a/proxy", "{}/behind/a/proxy/"])
def test_a_path_of_the_callbacks_own_stays_before_ours(typed: Type, hook: Subscriber, base: str) -> None:
    assert typed("subscription", "create", "--callback", base.format(hook.base)).code == 0
    assert hook.asked[0][0] == base.format("").rstrip("/") + intake_path("strava", SECRET)


def test_the_same_twice_is_no_error(typed: Type, hook: Subscriber) -> None:
    first, second = (typed("subscription", "create", "--callback", hook.base) for _ in range(2))
    assert (first.code, first.out) == (second.code, second.out)


def test_a_subscription_of_another_program_is_told_and_can_be_deleted(own: Rig, typed: Type, hook: Subscriber) -> None:
    identity = foreign(own, hook.url)
    refused = typed("subscription", "create", "--callback", hook.base)
    assert (refused.code, refused.out) == (1, "")
    assert f"{identity}, to {hook.base}/***" in refused.err
    assert "subscription delete" in refused.err
    assert "S3CRET" not in refused.err
    viewed = typed("subscription", "view")
    assert (viewed.code, f"id {identity}" in viewed.out, "don't come here" in viewed.out) == (0, True, True)
    assert json.loads(typed("subscription", "view", "--json").out)["subscription"]["ours"] is False
    assert not kept(own).exists()
    assert typed("subscription", "delete").code == 0
    assert at_strava(own) == []


def test_view_notes_a_subscription_of_ours_and_forgets_a_gone_one(own: Rig, typed: Type, hook: Subscriber) -> None:
    identity = foreign(own, hook.base + intake_path("strava", SECRET))
    typed("subscription", "view")
    assert subscription_id(own.settings) == identity
    kept(own).write_text("damaged")
    typed("subscription", "view")
    assert subscription_id(own.settings) == identity
    requests.delete(f"{own.emulator.url}/api/v3/push_subscriptions/{identity}", params=APPLICATION, timeout=10)
    typed("subscription", "view")
    assert not kept(own).exists()


def test_a_callback_that_refuses_is_told_what_to_check(own: Rig, typed: Type, hook: Subscriber) -> None:
    hook.handshake = lambda _: (404, b"")
    refused = typed("subscription", "create", "--callback", hook.base)
    assert refused.code == 1
    assert "serve is running" in refused.err
    assert (at_strava(own), kept(own).exists()) == ([], False)


@pytest.mark.parametrize(
    "callback",
    [
        "my.host", "ftp://my.host", "https://", "https://my.host/?a=b", "https://my.host/#a", "https://[my",
        "https://my. host",
    ],
)  # fmt: skip
def test_a_callback_that_is_no_address_is_misuse(own: Rig, typed: Type, callback: str) -> None:
    refused = typed("subscription", "create", "--callback", callback)
    assert (refused.code, "https://my.host" in refused.err) == (2, True)
    assert own.calls()["log"] == []


def test_a_secret_must_be_set_before(make_rig: Make, type_on: TypeOn, hook: Subscriber) -> None:
    rig = make_rig(activities=1, logged_in=False)
    refused = type_on(rig)("subscription", "create", "--callback", hook.base)
    assert (refused.code, hook.asked) == (2, [])
    assert "STRAVA_WEBHOOK_SECRET" in refused.err
    assert "openssl rand -hex 32" in refused.err
    assert "no subscription" in type_on(rig)("subscription", "view").out


def test_an_application_must_be_set(own: Rig, typed: Type, monkeypatch: pytest.MonkeyPatch, type_in: Type) -> None:
    typed("subscription", "view")
    monkeypatch.delenv("STRAVA_CLIENT_SECRET")
    refused = type_in("subscription", "view")
    assert (refused.code, "STRAVA_CLIENT_SECRET" in refused.err) == (2, True)
