"""Addresses of trips by car: the geocoder is asked about new areas, a bounded number a run. No Dagster objects."""

from dataclasses import dataclass

from strava_pipeline.ingest.cars.connect import geocoder_of
from strava_pipeline.lake.addresses import LOCK, keep_address, merge_addresses, unknown_areas
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.settings import Settings

MOST = 120  # questions of a run, one a second: the car_trips schedule comes every ten minutes


@dataclass(frozen=True, slots=True)
class Looked:
    """`answered`: areas that the geocoder told about in this run; `waiting`: areas that a later run asks about."""

    answered: int = 0
    waiting: int = 0


def look_up_addresses(run: RunContext, settings: Settings) -> Looked | None:
    """Ask about areas of trips that nobody has asked about, and write the answers into `car_trips`.

    None without TRIPS_GEOCODER_URL. A geocoder that fails stops nothing: what it did not answer is asked again later.
    """
    with geocoder_of(settings) as geocoder:
        if geocoder is None:
            return None
        with run.exclusive(LOCK):
            areas = unknown_areas(run.lake)
            asked = areas[:MOST]
            answered = 0
            with progressing(run.progress, "Looking up addresses", len(asked)) as advance:
                for area in asked:
                    found = geocoder.find(area)
                    if found is not None:
                        keep_address(run.lake, area, found.text, run.clock.local())
                        answered += 1
                    elif geocoder.gives_up:
                        break
                    advance(1)
            merge_addresses(run.lake)
    return Looked(answered, len(areas) - answered)
