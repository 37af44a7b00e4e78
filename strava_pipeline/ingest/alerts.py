"""Posting a message to the person's address for failures (STRAVA_ALERT_URL). The caller writes the message.

The path of such an address contains its key: errors, and so logs, show only the host.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import orjson

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import BrokenOffError, TooLargeError, small_wire

PATIENCE = 10  # seconds for an answer: a sensor's tick has 60 in all
_LATER = (408, 425, 429)  # the receiver asks for another attempt


class AlertRefusedError(PipelineError):
    """The receiver refuses the message, now and later."""


def post_alert(url: str, message: Mapping[str, object], settings: Settings) -> None:
    """Post `message` as JSON, once. Raises TransientError if it may work later, otherwise AlertRefusedError or PipelineError."""
    host = urlsplit(url).hostname
    wire = small_wire(settings, PATIENCE)
    try:
        status = wire.send("POST", url, name="the message about a failure", json=orjson.dumps(message)).status
    except (BrokenOffError, TooLargeError) as error:  # the status came before the failure
        status = error.exchange.status
    if 200 <= status < 300:
        return
    if status >= 500 or status in _LATER:
        raise TransientError(f"{host} answered {status}", status=status)
    raise AlertRefusedError(f"{host} answered {status}: check STRAVA_ALERT_URL.")
