"""Replaying webhooks: a made-up event for each known activity, posted to the real intake at a given rate. No following."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.webhooks import intake_path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.settings import Settings

NO_SUBSCRIPTION = 1  # where none is known, any will do


@contextmanager
def an_intake(settings: Settings) -> Iterator[str]:
    """The address of the intake that runs, or of one of our own for the length of the body."""
    from strava_pipeline.serve.app import create_app
    from strava_pipeline.serve.server import serving
    from strava_pipeline.verbs.service_intake import answers

    if answers(settings.serve_address):
        yield f"http://{settings.serve_address}"
        return
    secret = settings.require_webhook_secret().get_secret_value()
    app = create_app(
        Lake(settings.data_dir), webhook_secret=secret, say=lambda line: None, now=lambda: datetime.now(UTC)
    )
    with serving(app) as url:
        yield url


def events_of(
    ids: Sequence[int], owner: int | None, subscription: int | None, now: Callable[[], datetime]
) -> Iterator[bytes]:
    """An update of each, as Strava would tell it at the moment it is asked for."""
    for activity_id in ids:
        yield json.dumps(
            {
                "object_type": "activity",
                "object_id": activity_id,
                "aspect_type": "update",
                "updates": {},
                "owner_id": owner or activity_id,
                "subscription_id": subscription or NO_SUBSCRIPTION,
                "event_time": int(now().timestamp()),
            }
        ).encode()


def post(
    url: str,
    secret: str,
    events: Iterator[bytes],
    rate: float,
    tick: Callable[[int], object],
    sleep: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Post `events`, `rate` a second; how many were acknowledged. PipelineError where one is refused."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    acknowledged, due = 0, monotonic()
    try:
        for body in events:
            sleep(max(due - monotonic(), 0))
            due = max(due, monotonic() - 1 / rate) + 1 / rate
            connection.request("POST", intake_path(secret), body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise PipelineError(
                    f"The intake answered {answer.status}: {_why(told)}. {acknowledged} events are kept."
                )
            acknowledged += 1
            tick(1)
    except (OSError, http.client.HTTPException) as error:
        raise PipelineError(
            f"The intake at {url} broke off ({type(error).__name__}). {acknowledged} events are kept."
        ) from error
    finally:
        connection.close()
    return acknowledged


def _why(told: bytes) -> str:
    try:
        return str(json.loads(told)["message"])
    except (ValueError, LookupError, TypeError):
        return "without a reason"
