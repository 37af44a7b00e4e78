"""The subscription that this installation knows as its own, in the secrets folder: its callback holds the path's secret.

Which one it is, Strava decides: this file only remembers it, so that events of others can be told apart without a call.
"""

import json
import logging
from pathlib import Path

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.ingest.strava.connect import make_subscriptions
from strava_pipeline.ingest.strava.subscriptions import Subscription
from strava_pipeline.settings import Settings

AGAIN = "run strava-pipeline subscription view"

log = logging.getLogger(__name__)


def subscription_path(settings: Settings) -> Path:
    """Where the settings keep it."""
    return settings.secrets_dir / "strava_subscription.json"


def known_id(settings: Settings) -> int | None:
    """The id whose events are ours; None where none is known. Raises PipelineError where the file can't be read."""
    path = subscription_path(settings)
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PipelineError(f"{path} can't be read: {error.strerror}. Mend its permissions.") from None
    except (ValueError, RecursionError):
        value = None
    found = value.get("id") if isinstance(value, dict) else None
    if not isinstance(found, int) or isinstance(found, bool):
        raise PipelineError(f"{path} holds no subscription; {AGAIN}, which writes it anew.")
    return found


def keep(settings: Settings, subscription: Subscription) -> None:
    """Remember it as ours."""
    path = subscription_path(settings)
    try:
        save_secret(path, {"id": subscription.id, "callback_url": subscription.callback_url})
    except OSError as error:
        raise PipelineError(
            f"Subscription {subscription.id} stands, but can't be noted in {path}: {error.strerror}. Free some space or mend "
            f"the folder's rights, then {AGAIN}."
        ) from None


def forget(settings: Settings) -> None:
    """There is none of ours any more."""
    subscription_path(settings).unlink(missing_ok=True)


class OwnSubscription:
    """The application's subscription as noted. Where an event names another one, Strava is asked once: it may be new.

    That call counts in no limit.
    """

    def __init__(self, settings: Settings, clock: ServerClock) -> None:
        self._settings, self._clock = settings, clock
        self._id: int | None = None
        self._was_asked = False
        try:
            self._id = known_id(settings)
        except PipelineError as error:
            log.warning("%s", error)

    def may_be(self, subscription_id: int) -> bool:
        """Whether an event of this subscription may be ours; where ours is not known, any may be."""
        if subscription_id != self._id and not self._was_asked:
            self._was_asked = True
            self._ask()
        return self._id is None or subscription_id == self._id

    def _ask(self) -> None:
        settings, clock = self._settings, self._clock
        try:
            found = make_subscriptions(settings, make_wire(settings, clock), clock).view()
            if found is not None:
                keep(settings, found)
                self._id = found.id
        except PipelineError as error:
            self._id = None  # an event that is refused is never looked at again
            log.warning(
                "Strava could not be asked which subscription is this application's, so events of any are followed: %s",
                error,
            )
