"""The operations of activity trips, as without_dagster.py does them: by asset, each with what a run has."""

from typing import Any

from strava_pipeline.trips.activity.operations import diagnose_trips, index_trips, replay_trips
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY


def _index(do: Any) -> None:
    config = do.config.get(TRIP_INDEX.name, {})
    do.note(TRIP_INDEX.name, index_trips(do.run, do.settings, do.years, **config).findings)


def _diagnose(do: Any) -> None:
    config = do.config.get(TRIP_DIAGNOSTICS.name, {})
    do.note(TRIP_DIAGNOSTICS.name, diagnose_trips(do.run, do.settings, do.years, **config).findings)


def _replay(do: Any) -> None:
    do.note(TRIP_REPLAY.name, replay_trips(do.run, do.settings).findings)


STEPS = {TRIP_INDEX.name: _index, TRIP_DIAGNOSTICS.name: _diagnose, TRIP_REPLAY.name: _replay}
MADE_TOGETHER = ()
