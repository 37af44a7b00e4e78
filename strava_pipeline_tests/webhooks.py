"""The real intake of a rig's folder, subscribed at its emulator, for tests of what follows. No assertions about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from strava_pipeline.core.deliveries import Sender, intake_path
from strava_pipeline.ingest.strava.webhooks import WEBHOOKS, verify_token
from strava_pipeline.serve.app import create_app
from strava_pipeline.serve.server import serving
from strava_pipeline_tests.rig import NOW, Rig

SECRET = "a-secret-of-the-tests"
THIS_YEAR = {"years": (2026, 2026), "activities": 12, "settings": {"first_year": 2025}}  # how to make such a rig


def by_start(rig: Rig) -> list[int]:
    """The ids of the source's activities, the oldest first."""
    return [item["id"] for item in sorted(rig.truth(), key=lambda item: str(item["start_date"]))]


@contextmanager
def subscribed(rig: Rig) -> Iterator[str]:
    """Its address; when the body ends, all events have been delivered."""
    app = create_app(rig.lake, senders={"strava": Sender(WEBHOOKS, SECRET)}, say=lambda line: None, now=lambda: NOW)
    with serving(app) as url:
        subscribe(rig, url)
        yield url
        delivered(rig)


def subscribe(rig: Rig, url: str) -> None:
    """Have the emulator send events to the intake at `url`."""
    form = {
        "client_id": "12345",
        "client_secret": "emulator-secret",
        "callback_url": f"{url}{intake_path('strava', SECRET)}",
        "verify_token": verify_token(SECRET),
    }
    made = requests.post(f"{rig.emulator.url}/api/v3/push_subscriptions", data=form, timeout=10)
    assert made.status_code == 201, made.text


def delivered(rig: Rig) -> None:
    """Wait until nothing is on its way."""
    assert rig.emulator.state.deliveries.idle(10)
