"""The webhook subscription: made, found, deleted; what refusals tell a person; what is kept of it, for whose eyes."""

import json
import re
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from strava_pipeline.core.errors import (
    ForbiddenError,
    MisuseError,
    NeedsLoginError,
    PipelineError,
    TransientError,
    WrongApplicationError,
)
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.strava.subscriptions import (
    AlreadySubscribedError,
    Subscription,
    Subscriptions,
    forget_subscription,
    keep_subscription,
    make_subscriptions,
    masked,
    subscription_id,
    subscription_path,
)
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.subscriber import Subscriber, subscriber

MakeWorld = Callable[..., World]
PATH = "/push_subscriptions"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Without a login: none is needed."""
    return make_world(activities=1)


@pytest.fixture
def hook() -> Iterator[Subscriber]:
    with subscriber() as made:
        yield made


def subscriptions(world: World, **more: Any) -> Subscriptions:
    settings, clock = world.settings.model_copy(update=more), world.clock()
    return make_subscriptions(settings, make_wire(settings, clock), clock)


def test_it_is_made_found_and_deleted_without_a_login_and_counts_nowhere(world: World, hook: Subscriber) -> None:
    asked = subscriptions(world)
    assert asked.view() is None
    made = asked.create(hook.url, "token")
    assert (made.callback_url, hook.asked[0][1]["hub.verify_token"]) == (hook.url, "token")
    assert asked.view() == made
    asked.delete(made.id)
    asked.delete(made.id)
    assert asked.view() is None
    assert world.calls()["total"] == 0


def test_the_same_callback_again_is_the_one_there_is(world: World, hook: Subscriber) -> None:
    made = subscriptions(world).create(hook.url, "token")
    assert subscriptions(world).create(hook.url, "token") == made


def test_another_subscription_is_told_without_its_secret(world: World, hook: Subscriber) -> None:
    made = subscriptions(world).create(hook.url, "token")
    with pytest.raises(AlreadySubscribedError, match=f"{made.id}, to {hook.base}/") as caught:
        subscriptions(world).create(hook.base + "/another", "token")
    assert "strava-pipeline subscription delete" in str(caught.value)
    assert "S3CRET" not in str(caught.value) + repr(caught.value.found)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429},
        {"kind": "html", "status": 503},
        {"kind": "reset"},
        {"kind": "empty"},
        {"kind": "body", "body": {"id": 5}},
        {"kind": "body", "body": [{"id": "5", "callback_url": "x"}]},
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(world: World, hook: Subscriber, fault: dict[str, Any]) -> None:
    world.fault(PATH, times=2, **fault)
    made = subscriptions(world).create(hook.url, "token")
    world.fault(PATH, times=2, **fault)
    assert subscriptions(world).view() == made
    world.fault(PATH, times=3, **fault)
    with pytest.raises(TransientError):
        subscriptions(world).view()
    assert len(world.slept) == 6


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_a_lost_answer_to_a_creation_loses_nothing(world: World, hook: Subscriber, kind: str) -> None:
    world.fault(PATH, kind, processed=True)
    made = subscriptions(world).create(hook.url, "token")
    assert subscriptions(world).view() == made
    assert len(hook.asked) == 1


def test_a_deletion_may_lose_its_answer(world: World, hook: Subscriber) -> None:
    made = subscriptions(world).create(hook.url, "token")
    world.fault(PATH, "reset", processed=True)
    subscriptions(world).delete(made.id)
    assert subscriptions(world).view() is None


@pytest.mark.parametrize("status", [403, 302, 404])
def test_a_callback_that_does_not_answer_as_it_should_is_explained(world: World, hook: Subscriber, status: int) -> None:
    hook.handshake = lambda _: (status, b"")
    with pytest.raises(PipelineError, match="STRAVA_WEBHOOK_SECRET") as caught:
        subscriptions(world).create(hook.url, "token")
    assert type(caught.value) is PipelineError
    assert hook.base in str(caught.value)
    assert "S3CRET" not in str(caught.value)
    assert len(hook.asked) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ({"status": 403}, WrongApplicationError, "not active"),
        ({"status": 302, "body": ""}, PipelineError, "STRAVA_API_URL is wrong"),
        ({"status": 404}, PipelineError, "answered 404; check the settings"),
        (
            {
                "status": 400,
                "body": {"errors": [{"resource": "PushSubscription", "field": "verify token", "code": "x"}]},
            },
            PipelineError,
            "answered 400 (about verify token)",
        ),
    ],
)
def test_other_refusals_say_where(world: World, fault: dict[str, Any], kind: type[PipelineError], says: str) -> None:
    world.fault(PATH, "status", **fault)
    with pytest.raises(PipelineError, match=re.escape(says)) as caught:
        subscriptions(world).view()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"client_id": "999"}, "STRAVA_CLIENT_ID is wrong"),
        ({"client_secret": SecretStr("no")}, "STRAVA_CLIENT_SECRET is wrong"),
    ],
)
def test_a_wrong_application_is_named(world: World, hook: Subscriber, wrong: dict[str, Any], says: str) -> None:
    asked = subscriptions(world, **wrong)
    for ask in (asked.view, lambda: asked.create(hook.url, "t"), lambda: asked.delete(5)):
        with pytest.raises(NeedsLoginError, match=says):
            ask()
    assert hook.asked == []


def test_an_emulators_application_never_leaves_this_machine(world: World) -> None:
    with pytest.raises(ForbiddenError, match="nothing was sent"):
        subscriptions(world, api_url="https://strava.invalid/api/v3").view()


def test_a_callback_that_is_too_long_is_not_sent(world: World) -> None:
    with pytest.raises(MisuseError, match="255"):
        subscriptions(world).create("https://my.host/" + 240 * "x", "token")
    assert world.calls()["log"] == []


@pytest.mark.parametrize(
    ("callback", "shown"),
    [
        ("https://my.host/webhooks/strava/abc", "https://my.host/webhooks/strava/***"),
        ("https://my.host:8443/p/webhooks/strava/abc?x=1", "https://my.host:8443/p/webhooks/strava/***"),
        ("https://me:word@my.host/hook/abc", "https://my.host/***"),
        ("https://my.host/?key=abc", "https://my.host/"),
        ("https://my.host", "https://my.host"),
        ("https://[my.host/abc", "***"),
    ],
)
def test_what_is_shown_of_a_callback_holds_no_secret(callback: str, shown: str) -> None:
    assert masked(callback) == shown


def test_it_is_remembered_for_its_owner_alone_and_forgotten(world: World) -> None:
    path, settings = world.settings.secrets_dir / "strava_subscription.json", world.settings
    assert subscription_id(settings) is None
    forget_subscription(settings)
    for identity in (2**60, 7):
        keep_subscription(settings, Subscription(identity, "https://my.host/x"))
        assert subscription_id(settings) == identity
    assert json.loads(path.read_bytes()) == {"id": 7, "callback_url": "https://my.host/x"}
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)] == [0o600, 0o700]
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    forget_subscription(settings)
    assert subscription_id(settings) is None


@pytest.mark.parametrize("content", ["", "7", "[]", '{"id": "7"}', '{"id": true}', "{}"])
def test_a_file_that_is_none_is_told_how_to_mend(world: World, content: str) -> None:
    path = subscription_path(world.settings)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(PipelineError, match="run strava-pipeline subscription view"):
        subscription_id(world.settings)


def test_a_folder_that_takes_nothing_is_named(world: World) -> None:
    world.settings.secrets_dir.write_text("a file, where the folder should be")
    with pytest.raises(
        PipelineError, match=r"Subscription 7 exists, but can't be noted in .*strava_subscription\.json"
    ):
        keep_subscription(world.settings, Subscription(7, "https://my.host/x"))
