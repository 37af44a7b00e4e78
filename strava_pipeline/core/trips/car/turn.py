"""One step at work: what it was given, and the two ways for it to end that all share. No rule of a trip stands here."""

from dataclasses import dataclass, replace
from typing import Any

from strava_pipeline.core.trips.car.asking import Asking
from strava_pipeline.core.trips.car.config import Car, CarConfig
from strava_pipeline.core.trips.car.events import Event
from strava_pipeline.core.trips.car.limits import Limits
from strava_pipeline.core.trips.car.result import Cancellation, Reason, Result, Status
from strava_pipeline.core.trips.car.state import Cache, TrackerState, state_name

Stepped = tuple[TrackerState, Result]


@dataclass(frozen=True, slots=True)
class Turn:
    """`state` is the one before the event."""

    state: TrackerState
    event: Event
    asking: Asking
    config: CarConfig
    limits: Limits

    @property
    def bluetooth_car(self) -> Car | None:
        """The configured car that the phone is connected to; unknown ids are ignored."""
        return self.config.car(self.event.bluetooth)

    def told(self, status: Status, cache: Cache | None, **fields: Any) -> Stepped:
        """Ends the step with a trip under way, or with none as before; `fields` are Result's."""
        return self._ended(status, replace(self.state, cache=cache), **fields)

    def cancelled(self, cache: Cache, reason: Reason, **fields: Any) -> Stepped:
        """Ends the step and gives the trip up."""
        given_up = Cancellation(
            user_id=cache.user_id,
            car_id=cache.car_id,
            start_time=cache.start_time,
            end_time=self.event.t,
            reason=reason,
            no_driving_count=cache.no_driving_count,
            parked_count=cache.parked_count,
            skip_pause_count=cache.skip_pause_count,
            api_error_count=cache.api_error_count,
        )
        fields = {"car_id": cache.car_id, "reason": reason, "cancellation": given_up, **fields}
        return self._ended(Status.CANCELLED, replace(self.state, cache=None), **fields)

    def finalised(self, after: TrackerState, **fields: Any) -> Stepped:
        """Ends the step with a trip that is over and kept."""
        return self._ended(Status.FINALIZED, after, **fields)

    def _ended(self, status: Status, after: TrackerState, **fields: Any) -> Stepped:
        cache = after.cache
        told = {"trip": None, "car_id": None if cache is None else cache.car_id, **fields}
        return after, Result(
            status=status,
            state=state_name(cache),
            cache=cache,
            api_calls=self.asking.api_calls,
            osrm_coords=tuple(self.asking.osrm_coords),
            **told,
        )
