"""Real events, details and subscriptions: read, taken for a sighting of the summary, and understood."""

import json
from datetime import UTC, datetime

import pytest

from strava_pipeline.core.activities import summary_frame, summary_of_detail
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.http import Exchange
from strava_pipeline.ingest.strava.subscriptions import _created, _listed
from strava_pipeline.ingest.strava.webhooks import Aspect, ObjectType, read_event
from strava_pipeline_tests.samples.test_real_payloads import DETAILS, STRAVA

pytestmark = pytest.mark.samples


def test_the_documented_events_are_read() -> None:
    lines = (STRAVA / "webhooks" / "events.ndjson").read_bytes().splitlines()
    told = [read_event(line) for line in lines]
    assert [(one.aspect_type, one.updates) for one in told] == [
        (Aspect.UPDATE, {"title": "Messy"}),
        (Aspect.CREATE, {}),
        (Aspect.CREATE, {}),  # without the key
    ]
    assert {(one.object_type, one.owner_id, one.subscription_id) for one in told} == {
        (ObjectType.ACTIVITY, 134815, 120475)
    }


@pytest.mark.parametrize("name", DETAILS)
def test_a_real_detail_tells_a_summary_and_nothing_that_listings_lack(name: str) -> None:
    activity = json.loads((STRAVA / f"{name}.json").read_bytes())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rows, typed = summary_frame(
        [summary_of_detail(activity)], years=YearRange(2008, 2026), ingestion_ts=now, athlete_id=None
    )
    assert not typed.unknown, "a field of details alone would make an edit of every event"
    assert rows["resource_state"].to_list() == [2]
    assert rows["polyline"].to_list() == [None]
    assert rows["id"].to_list() == [activity["id"]]
    assert rows["extra"].to_list() == [None]


def test_real_answers_about_subscriptions_are_understood() -> None:
    folder = STRAVA / "http" / "webhooks"

    def answered(name: str) -> Exchange:
        said = json.loads((folder / f"{name}.json").read_bytes())[0]["response"]
        headers = {key: values[0] for key, values in said["headers"].items()}
        return Exchange(status=said["status"], headers=headers, body=json.dumps(said["body"]).encode(), seconds=0.1)

    made = _created(answered("create_push_subscription"), "")
    assert made is not None
    assert made.id == 131300
    listed = _listed(answered("push_subscriptions"))
    assert listed is not None
    assert listed.id == 131300
    assert _listed(answered("no_push_subscriptions")) is None
