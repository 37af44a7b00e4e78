"""Whose webhook events are followed: those of this folder's athlete and of the application's own subscription."""

import logging

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.webhooks import WebhookEvent
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.strava.connect import make_subscriptions
from strava_pipeline.ingest.strava.subscription_file import keep, known_id
from strava_pipeline.lake.events import Refuse
from strava_pipeline.settings import Settings

log = logging.getLogger(__name__)


def refusing(settings: Settings, clock: ServerClock, owner: int | None) -> Refuse:
    """Why an event is not followed. What is not known is not refused: then the path's secret has to do."""
    subscription = _OwnSubscription(settings, clock)

    def refuse(event: WebhookEvent) -> str | None:
        if owner is not None and event.owner_id != owner:
            return "another owner"
        return None if subscription.may_be(event.subscription_id) else "another subscription"

    return refuse


class _OwnSubscription:
    """The application's subscription as noted; where another is named, Strava is asked once: it may be a new one.

    That counts in no limit.
    """

    def __init__(self, settings: Settings, clock: ServerClock) -> None:
        self._settings, self._clock = settings, clock
        self._known: int | None = None
        self._asked = False
        try:
            self._known = known_id(settings)
        except PipelineError as error:
            log.warning("%s", error)

    def may_be(self, subscription_id: int) -> bool:
        if subscription_id != self._known and not self._asked:
            self._asked = True
            self._ask()
        return self._known is None or subscription_id == self._known

    def _ask(self) -> None:
        settings, clock = self._settings, self._clock
        try:
            found = make_subscriptions(settings, make_wire(settings, clock), clock).view()
            if found is not None:
                keep(settings, found)
                self._known = found.id
        except PipelineError as error:
            self._known = None  # an event that is refused is never looked at again
            log.warning(
                "Which subscription is this application's could not be asked, so any is taken for it: %s", error
            )
