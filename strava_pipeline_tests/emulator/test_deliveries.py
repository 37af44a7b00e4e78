"""Deliveries and what can be ordered to go wrong with them: tried again, lost, doubled, in disorder, held back."""

import threading
from typing import Any

import pytest
import requests

from strava_pipeline.emulator.deliveries import Deliveries
from strava_pipeline_tests.emulator.test_events import Stage
from strava_pipeline_tests.emulator.test_events import stage as stage


def report(stage: Stage, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{stage.client.url}/_emulator/webhooks", params=query, timeout=30).json()
    return found


def outcomes(stage: Stage) -> list[tuple[str, list[int]]]:
    return [(each["outcome"], each["statuses"]) for each in report(stage, wait=20)["deliveries"]]


def rename(stage: Stage, *names: str) -> None:
    for name in names:
        stage.edit(name=name)


def titles(stage: Stage) -> list[str]:
    return [event["updates"]["title"] for event in stage.got()]


@pytest.mark.parametrize(
    ("answers", "outcome", "statuses"),
    [
        ([], "delivered", [200]),
        ([500], "delivered", [500, 200]),
        ([404, 302], "delivered", [404, 302, 200]),
        ([201, 204, 503], "failed", [201, 204, 503]),
        ([None], "delivered", [0, 200]),
    ],
)
def test_an_event_is_sent_up_to_three_times_until_it_is_200(
    stage: Stage, answers: list[int | None], outcome: str, statuses: list[int]
) -> None:
    stage.client.control("/webhooks", pause=0, timeout=3 if None in answers else 20)
    stage.hook.answers = answers
    rename(stage, "x")
    assert outcomes(stage) == [(outcome, statuses)]
    assert titles(stage) == ["x"] * len(statuses)


def test_a_callback_that_does_not_listen_gives_no_answer(stage: Stage) -> None:
    stage.client.control("/webhooks", pause=0, attempts=2)
    gone = "http://127.0.0.1:9/hook"
    stage.emulator.state.deliveries.add({"object_id": 1}, gone)
    assert outcomes(stage) == [("failed", [0, 0])]


def test_an_answer_never_waits_for_a_delivery(stage: Stage) -> None:
    stage.client.control("/webhooks", timeout=30)
    stage.hook.answers = [None]
    rename(stage, "a", "b")
    found = report(stage)
    assert found["waiting"] == 2
    assert [each["outcome"] for each in found["deliveries"]] == ["waiting", "waiting"]
    assert not stage.emulator.state.deliveries.idle(0.01)
    stage.hook.over.set()


def test_between_attempts_there_is_a_pause() -> None:
    now, sent = [1000.0], []

    def send(_url: str, body: bytes, _seconds: float) -> int:
        sent.append(body)
        return 500 if len(sent) == 1 else 200

    deliveries = Deliveries(1, send, lambda: now[0])
    deliveries.order(pause=0.5)
    deliveries.add({"object_id": 1}, "http://127.0.0.1:9/")
    assert not deliveries.idle(0.2), "the clock stands still"
    assert len(sent) == 1
    now[0] += 0.6
    deliveries.add({"object_id": 2}, "http://127.0.0.1:9/")
    assert deliveries.idle(20)
    deliveries.stop()
    assert [body[13:14] for body in sent] == [b"1", b"1", b"2"]


def test_the_end_does_not_wait_for_events() -> None:
    deliveries = Deliveries(1, lambda *_: 500)
    deliveries.order(pause=600)
    deliveries.add({"object_id": 1}, "http://127.0.0.1:9/")
    idle: list[bool] = []
    waiting = threading.Thread(target=lambda: idle.append(deliveries.idle(600)), daemon=True)
    waiting.start()
    deliveries.stop()
    waiting.join(20)
    assert idle == [False]


@pytest.mark.parametrize(("order", "lost"), [({"lose": 2}, "ab"), ({"lose": 1.0}, "abcd"), ({"lose": 0.0}, "")])
def test_events_are_lost_by_number_or_share(stage: Stage, order: dict[str, Any], lost: str) -> None:
    stage.client.control("/webhooks", **order)
    rename(stage, *"abcd")
    assert titles(stage) == [name for name in "abcd" if name not in lost]
    assert [outcome == "lost" for outcome, _ in outcomes(stage)] == [name in lost for name in "abcd"]


def test_events_come_twice(stage: Stage) -> None:
    stage.client.control("/webhooks", duplicate=1)
    rename(stage, *"ab")
    assert titles(stage) == ["a", "a", "b"]
    assert report(stage)["orders"]["duplicate"] == 0


def test_events_come_in_another_order_and_the_rest_when_it_is_called_off(stage: Stage) -> None:
    stage.client.control("/webhooks", shuffle=3)
    rename(stage, *"abcdefgh")
    first = titles(stage)
    assert (sorted(first[:3]), sorted(first[3:])) == (["a", "b", "c"], ["d", "e", "f"])
    assert (first[:3], first[3:]) != (["a", "b", "c"], ["d", "e", "f"])
    assert first[:3] != ["a", "b", "c"]
    assert report(stage)["waiting"] == 2
    stage.client.control("/webhooks", shuffle=0)
    assert titles(stage) == ["g", "h"]


def test_held_events_are_sent_when_the_order_ends(stage: Stage) -> None:
    stage.client.control("/webhooks", hold=True)
    rename(stage, *"abc")
    assert titles(stage) == []
    found = report(stage)
    assert (found["waiting"], {each["outcome"] for each in found["deliveries"]}) == (3, {"held"})
    stage.client.control("/webhooks", hold=False, shuffle=3)
    assert (got := titles(stage)) != ["a", "b", "c"]
    assert sorted(got) == ["a", "b", "c"]


def test_any_event_can_be_sent(stage: Stage) -> None:
    usual = stage.client.control("/webhooks/send")["event"]
    newest = stage.client.truth()["activities"][-1]["id"]
    assert (usual["object_id"], usual["aspect_type"], usual["updates"]) == (newest, "update", {})
    assert (usual["owner_id"], usual["subscription_id"]) == (stage.athlete, stage.subscription)
    foreign = {"owner_id": 7, "subscription_id": 8, "object_type": "athlete", "updates": None, "odd": [1]}
    sent = stage.client.control("/webhooks/send", event=foreign)["event"]
    assert sent == usual | foreign
    assert stage.got() == [usual, sent]


def test_the_report_shows_the_subscription_without_the_path_of_its_callback(stage: Stage) -> None:
    rename(stage, "x")
    found = requests.get(f"{stage.client.url}/_emulator/webhooks?wait=20", timeout=30)
    host = stage.hook.base.removeprefix("http://")
    assert found.json()["subscription"] == {"id": stage.subscription, "callback": host}
    assert "S3CRET" not in found.text
    assert found.json()["orders"] == {
        "lose": 0,
        "duplicate": 0,
        "shuffle": 0,
        "hold": False,
        "attempts": 3,
        "timeout": 2.0,
        "pause": 1.0,
        "growth": 1.0,
    }
