"""Webhooks of every provider that sends them: from the change at the service, through the real intake, into gold."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline.core.deliveries import intake_path
from strava_pipeline.core.errors import LimitReachedError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.webhook_secrets import has_intake, senders
from strava_pipeline.lake.bronze.deliveries import load_queue
from strava_pipeline.lake.files import unpacked
from strava_pipeline.lake.journal import segments
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations import events
from strava_pipeline.operations.changes import writers
from strava_pipeline.operations.event_answers import EventsReport
from strava_pipeline.operations.options import EventsOptions
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.serve.app import create_app
from strava_pipeline.serve.server import serving
from strava_pipeline.testing.edits import Edited
from strava_pipeline_tests.facts import facts_of
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.providers.worlds import World, five, listed_to_the_end

pytestmark = [pytest.mark.parametrize("world", ["intervals_icu", "ridewithgps"], indirect=True), pytest.mark.slow]


@contextmanager
def intake(world: World, said: list[str] | None = None) -> Iterator[str]:
    """The real intake, and the service that posts to it. When the body ends, all deliveries have been made."""
    taken = senders(world.settings, [world.subject.name])
    lines = [] if said is None else said
    app = create_app(Lake(world.settings.data_dir), say=lines.append, now=world.subject.clock.now, senders=taken)
    subscriber = subscriber_of(world)
    with serving(app) as url:
        subscriber.callback = f"{url}{intake_path(world.subject.name)}"
        try:
            yield url
            assert subscriber.deliveries.idle(PATIENCE)
        finally:
            subscriber.callback = None


def subscriber_of(world: World) -> Any:
    return world.subject.subscriber  # type: ignore[attr-defined]


def follow(world: World) -> EventsReport:
    """One run of the job, as far as no Dagster is in it."""
    run = world.run()
    report = events.follow(run, Source(world.subject.name, world.settings, run))
    world.merge(run)
    return report


def follow_step(world: World) -> StepReport:
    run = world.run()
    source = Source(world.subject.name, world.settings, run)
    return events.follow_events(run, source, EventsOptions(), (), asset="listing")


def calls(world: World) -> int:
    """How many calls there were since the last look."""
    found = len(world.subject.journal.log)
    world.subject.journal.reset()
    return found


def state_of(world: World) -> Any:
    return load_queue(world.run().lake, world.subject.name)


def filled(world: World) -> list[str]:
    keys = five(world.subject)
    listed_to_the_end(world, "all")
    world.subject.clock.advance(120)
    calls(world)
    return keys


GONE = "SELECT source_id FROM activities_all WHERE deleted_at IS NOT NULL"


@pytest.mark.dear
def test_what_changed_is_asked_for_once_and_what_is_gone_is_marked_and_nothing_else(world: World) -> None:
    keys = filled(world)
    with intake(world):
        world.subject.edit(keys[0], "first title")
        world.subject.edit(keys[0], "second title")
        new = world.subject.add("2025-02-01", "a new ride")
        world.subject.delete(keys[1])
    world.subject.clock.advance(5)
    report = follow(world)
    assert (report.activities_waiting, report.feed_waits, report.activities_given_up, report.stopped) == (
        0,
        False,
        0,
        None,
    )
    assert calls(world) == 3, "the feed and two trips; or two activities and one that is gone"
    assert world.names() == ["second title", "ride 3", "ride 4", "ride 5", "a new ride"]
    assert world.gold(GONE) == [(keys[1],)]
    assert world.gold(f"SELECT count(*) FROM activities WHERE source_id = '{new}'") == [(1,)]
    assert follow(world).calls == calls(world) == 0, "nothing is asked again"
    before = world.gold("SELECT * EXCLUDE (extra) FROM activities_all ORDER BY id")
    run = world.run()
    rebuild(run.lake, run.years, run.progress)
    assert world.gold("SELECT * EXCLUDE (extra) FROM activities_all ORDER BY id") == before
    world.pull("incremental")
    assert (world.names()[0], world.gold(GONE)) == ("second title", [(keys[1],)]), "a listing agrees"


def test_deliveries_that_repeat_or_hold_many_events_cost_no_more(world: World) -> None:
    keys = filled(world)
    is_fed = "feed" in spec_of(world.subject.name).capabilities
    with intake(world):
        subscriber_of(world).gather(on=True)
        for number in range(60):
            world.subject.edit(keys[number % 5], f"title {number}")
        subscriber_of(world).deliveries.order(duplicate=10)
        subscriber_of(world).gather(on=False)
    world.subject.clock.advance(5)
    assert len(subscriber_of(world).deliveries.report()["deliveries"]) in (2, 6)
    follow(world)
    assert calls(world) == 5 + is_fed
    assert world.names() == [f"title {55 + number}" for number in range(5)]
    log = [each["event"] for each in subscriber_of(world).deliveries.report()["deliveries"]]
    with intake(world):
        for body in log:
            subscriber_of(world).deliveries.add(body, subscriber_of(world).callback)
    follow(world)
    assert calls(world) == (1 if is_fed else 0), "a feed is asked once more; an activity was answered already"


def test_what_a_limit_or_an_outage_keeps_from_coming_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = filled(world)
    path = world.subject.asked_by_webhooks  # type: ignore[attr-defined]
    with intake(world):
        world.subject.edit(keys[0], "edited")
    limit = {"kind": "status", "status": 429, "headers": {"Retry-After": "7200"}, "times": 9}
    world.subject.fail(path=path, exact=False, **limit)
    report = follow_step(world)
    assert isinstance(report.stopped, LimitReachedError)
    assert not report.holds
    (step,) = facts_of(world.settings, world.subject.name, "limited", world.subject.clock.now())
    assert step.values["until"] is not None
    calls(world)
    assert follow_step(world).stopped
    assert calls(world) == 0, "no call before the limit ends"
    world.subject.faults.clear()
    world.subject.clock.advance(7300)
    world.subject.fail(path="/", exact=False, kind="status", status=500, times=99)
    assert "500" in follow(world).down
    assert state_of(world).waiting or state_of(world).feed
    world.subject.faults.clear()
    calls(world)
    follow(world)
    assert calls(world) == 0, "it rests for some minutes"
    world.subject.clock.advance(600)
    assert follow(world).activities_waiting == 0
    assert world.names()[0] == "edited"


def test_a_lost_queue_is_built_again_and_no_answered_activity_is_asked_for_again(world: World) -> None:
    keys = filled(world)
    is_fed = "feed" in spec_of(world.subject.name).capabilities
    with intake(world):
        world.subject.edit(keys[0], "edited")
        world.subject.delete(keys[1])
    world.subject.clock.advance(5)
    follow(world)
    (world.settings.data_dir / f"state/providers/{world.subject.name}/webhooks/state.json").unlink()
    calls(world)
    follow(world)
    assert calls(world) == (1 if is_fed else 0)
    assert world.names() == ["edited", "ride 3", "ride 4", "ride 5"]


def test_events_of_another_account_are_counted_and_not_followed(world: World) -> None:
    keys = filled(world)
    service = world.subject.service  # type: ignore[attr-defined]
    name = "athlete" if hasattr(service, "athlete") else "user_id"
    own = getattr(service, name)
    with intake(world):
        setattr(service, name, "i999" if isinstance(own, str) else 999)
        world.subject.edit(keys[0], "not mine")
        assert subscriber_of(world).deliveries.idle(PATIENCE)
        setattr(service, name, own)
    report = follow(world)
    assert (calls(world), [*report.refused]) == (0, ["another account"])
    (found,) = facts_of(world.settings, world.subject.name, "events")
    assert (found.as_json()["values"]["waiting"], "refused (another account)" in found.text) == (0, True)


def test_no_secret_is_kept_and_without_one_the_path_is_closed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys, said = filled(world), []
    secret = world.subject.webhook_secret  # type: ignore[attr-defined]
    lake = world.run().lake
    with intake(world, said):
        world.subject.edit(keys[0], "edited")
    inbox = b"".join(path.read_bytes() for path in segments(lake.inbox_webhooks_of(world.subject.name)))
    assert keys[0].encode() in inbox
    follow(world)
    kept = b"".join(unpacked(path) for path in lake.webhooks_of(world.subject.name).rglob("*.gz"))
    assert b"edited" in kept or keys[0].encode() in kept
    state = json.dumps(state_of(world).model_dump(mode="json"))
    for text in (inbox, kept, "".join(said).encode(), caplog.text.encode(), state.encode()):
        assert secret.encode() not in text
    field = next(
        name for name, value in world.subject.settings.items() if "webhook_secret" in name or "client_secret" in name
    )
    closed = world.settings.model_copy(update={field: None})
    assert (has_intake(world.settings), has_intake(closed)) == (True, False)
    world.settings = closed
    with intake(world) as url:
        assert requests.post(f"{url}{intake_path(world.subject.name)}", b"{}", timeout=PATIENCE).status_code == 404


class Killed(BaseException):
    """What no handler of ours stops."""


def follow_and_die(world: World, step: int, patch: pytest.MonkeyPatch) -> bool:
    """Follow what came until the write to disk number `step` (from 0); whether it came to that."""
    replace, writes, run = Path.replace, count(), world.run()

    def die(path: Path, target: Path) -> Path:
        if next(writes) >= step:  # nothing is written after its death
            raise Killed
        return replace(path, target)

    with patch.context() as dying:
        dying.setattr(Path, "replace", die)
        try:
            events.follow(run, Source(world.subject.name, world.settings, run))
        except Killed:
            return True
    return False


def test_killed_at_any_write_the_next_run_makes_it_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = filled(world)
    most = 4 if "feed" in spec_of(world.subject.name).capabilities else 2  # with a call of each kind that was under way
    for step in range(50):
        with intake(world):
            world.subject.edit(keys[0], f"edited {step}")
            if step == 1:
                world.subject.delete(keys[4])
        world.subject.clock.advance(60)
        calls(world)
        is_killed = follow_and_die(world, step, monkeypatch)
        run = world.run()
        events.follow(run, Source(world.subject.name, world.settings, run))
        assert calls(world) <= most + (step == 1), f"killed at write {step}"
        state = state_of(world)
        assert (state.waiting, state.feed) == ({}, None), f"killed at write {step}"
        pages = [unpacked(path) for path in run.lake.listings_of(world.subject.name).glob("*/page-*.json.gz")]
        assert any(f'"edited {step}"'.encode() in page for page in pages), f"killed at write {step}"
        if not is_killed:
            break
    world.merge(run)
    assert world.names()[0] == f"edited {step}"
    assert step >= 5, "there were that many writes to be killed at"
    assert world.gold(GONE) == [(keys[4],)]


@pytest.mark.dear
def test_an_edit_delivered_renews_or_ends_what_stands_unlisted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "machine_clock", lambda speed: machine_clock(speed, now=world.subject.clock.now))
    one = Edited(world, monkeypatch, 4)
    ids = {str(state.change.source_id): key for key, state in one.states().items()}
    applied, moved, agreed, rejected = one.keys
    one.decide(ids=[ids[applied]])
    one.decide("rejected", [ids[rejected]])
    one.apply()
    assert one.by_state() == {
        "applied": ["Up hill 1"],
        "proposed": ["Up hill 2", "Up hill 3"],
        "rejected": ["Up hill 4"],
    }
    world.subject.clock.advance(120)
    with intake(world):
        world.subject.edit(moved, "somebody's own")
        world.subject.edit(applied, "and back")
        world.subject.edit(agreed, "Up hill 3")
        world.subject.edit(rejected, "another")
    world.subject.clock.advance(5)
    follow(world)
    one.propose()
    states = {source_id: one.states()[key] for source_id, key in ids.items()}
    assert {source_id: (state.state, state.round, state.change.old) for source_id, state in states.items()} == {
        applied: ("proposed", 2, "and back"),
        moved: ("proposed", 2, "somebody's own"),
        agreed: ("expired", 1, "at the start 3"),
        rejected: ("rejected", 2, "another"),
    }
    assert states[agreed].reason == "The data no longer say so."
    one.propose()
    assert {key: state.round for key, state in one.states().items()} == {
        ids[source_id]: state.round for source_id, state in states.items()
    }, "what was proposed again is not proposed once more"
