"""The tracker: one event of one user, what is known and what can be asked go in; what is known then and what happened come out.

Pings and the phone's start are pings.py's, its end is endings.py's, the clock's is safety_net.py's.
"""

from strava_pipeline.core.trips.car.answers import Answers
from strava_pipeline.core.trips.car.asking import Asking
from strava_pipeline.core.trips.car.config import CarConfig
from strava_pipeline.core.trips.car.endings import end
from strava_pipeline.core.trips.car.events import Event
from strava_pipeline.core.trips.car.limits import Limits
from strava_pipeline.core.trips.car.pings import ping, start
from strava_pipeline.core.trips.car.result import Result
from strava_pipeline.core.trips.car.safety_net import clock
from strava_pipeline.core.trips.car.state import TrackerState
from strava_pipeline.core.trips.car.turn import Turn

_HANDLERS = {"ping": ping, "start": start, "end": end, "clock": clock}


def step(
    state: TrackerState, event: Event, answers: Answers, config: CarConfig, limits: Limits = Limits()
) -> tuple[TrackerState, Result]:
    """The state after the event, and the result. Changes none of its arguments; raises what `answers` raises, nothing else."""
    return _HANDLERS[event.kind](Turn(state, event, Asking(answers, config), config, limits))
