"""Posting a message to the address that a person gave for failures (STRAVA_ALERT_URL). What it says is the caller's.

Such an address carries its key in its path: no error, and so no log, holds more of it than the host.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import orjson

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.ingest.http import BrokenOffError, TooLargeError, small_wire
from strava_pipeline.settings import Settings

PATIENCE = 10  # seconds for an answer: a sensor's tick has 60 for all it does
_LATER = (408, 425, 429)  # a receiver that asks to be asked again


class AlertRefusedError(PipelineError):
    """The receiver does not take the message, and won't another time."""


def post_alert(url: str, message: Mapping[str, object], settings: Settings) -> None:
    """Post `message` as JSON, once. TransientError: it may work later; AlertRefusedError, or PipelineError: it won't."""
    host = urlsplit(url).hostname
    wire = small_wire(settings, PATIENCE)
    try:
        status = wire.send("POST", url, name="the message about a failure", json=orjson.dumps(message)).status
    except (BrokenOffError, TooLargeError) as error:  # what it said first counts
        status = error.exchange.status
    if 200 <= status < 300:
        return
    if status >= 500 or status in _LATER:
        raise TransientError(f"{host} answered {status}", status=status)
    raise AlertRefusedError(f"{host} answered {status}: check STRAVA_ALERT_URL.")
