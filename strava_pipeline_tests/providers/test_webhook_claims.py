"""What webhooks of intervals.icu claim and the service itself denies, withholds or confirms."""

import pytest

from strava_pipeline.core.errors import NeedsLoginError
from strava_pipeline.ingest.registry import login_files, missing_login
from strava_pipeline.lake.bronze.listings import withheld_ids
from strava_pipeline.operations.source import Source
from strava_pipeline_tests.facts import facts_of
from strava_pipeline_tests.providers.test_webhooks import GONE, calls, filled, follow, intake, state_of
from strava_pipeline_tests.providers.worlds import World

pytestmark = [pytest.mark.parametrize("world", ["intervals_icu"], indirect=True), pytest.mark.slow]


def test_a_deletion_counts_where_the_activity_is_not_there_and_a_missing_one_where_it_was_deleted(world: World) -> None:
    keys = filled(world)
    service = world.subject.service  # type: ignore[attr-defined]
    with intake(world):
        service.notify("ACTIVITY_DELETED", activity={"id": keys[0]})
        service.notify("ACTIVITY_UPDATED", activity={"id": "i4711"})
    tries = []
    for _ in range(5):
        world.subject.clock.advance(3700)
        tries.append(follow(world))
    assert world.gold(GONE) == []
    assert len(world.names()) == 5
    assert [report.activities_waiting for report in tries] == [1, 1, 1, 0, 0]
    assert (calls(world), state_of(world).given_up) == (5, 1), "four attempts at the one that is not there"


def test_what_is_withheld_stays_so_and_is_not_asked_for_again(world: World) -> None:
    world.subject.add_foreign("2025-02-28")
    world.subject.add_foreign("2025-03-01")
    keys = filled(world)
    service, lake = world.subject.service, world.run().lake  # type: ignore[attr-defined]
    stubs = [key for key in service.activities if key not in keys]
    stub = stubs[0]
    assert withheld_ids(lake, "intervals_icu") == {*stubs}
    with intake(world):
        service.notify("ACTIVITY_UPLOADED", activity={"id": stub, "source": "STRAVA"})
        service.notify("ACTIVITY_DELETED", activity={"id": stub})
        service.notify("ACTIVITY_UPDATED", activity={"id": "18728161934"})
        world.subject.edit(keys[0], "edited")
    world.subject.fail(
        path="/activity/18728161934",
        exact=True,
        kind="body",
        status=422,
        body={"error": "Cannot read Strava activities"},
    )
    world.subject.clock.advance(5)
    report = follow(world)
    left = (report.activities_waiting, report.activities_given_up)
    assert (report.activities_withheld, left, calls(world)) == (2, (0, 0), 3)
    assert withheld_ids(lake, "intervals_icu") == {*stubs}, "an answer about some says nothing of the others"
    assert world.names()[0] == "edited"


def test_an_access_that_was_taken_away_is_tried_and_then_no_call_is_made_until_another_login(world: World) -> None:
    keys = filled(world)
    service = world.subject.service  # type: ignore[attr-defined]
    with intake(world):
        service.notify("APP_SCOPE_CHANGED", deauthorized=False, scope="ACTIVITY:READ")
        service.notify("APP_SCOPE_CHANGED", deauthorized=True, scope="")
    report = follow(world)
    assert (report.revoked, calls(world)) == (False, 1), "it was not true: the login is accepted"
    service.key = "another-key"
    with intake(world):
        service.notify("APP_SCOPE_CHANGED", deauthorized=True, scope="")
        world.subject.edit(keys[0], "edited")
    assert (follow(world).revoked, calls(world)) == (True, 1)
    (login,) = facts_of(world.settings, "intervals_icu", "login")
    assert "taken away at 2026-" in login.text
    assert "providers login intervals_icu` gives a new access" in login.text
    assert len(login_files("intervals_icu", world.settings)) == 2, "purge removes the note, too"
    with pytest.raises(NeedsLoginError, match="taken away"):
        _ = Source("intervals_icu", world.settings, world.run()).client
    secret = type(world.settings.intervals_api_key)("another-key")
    world.settings = world.settings.model_copy(update={"intervals_api_key": secret})
    assert missing_login("intervals_icu", world.settings) is None
    follow(world)
    assert world.names()[0] == "edited"
