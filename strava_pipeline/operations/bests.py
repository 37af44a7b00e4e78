"""A person's word that an activity holds no best: recorded, and followed by what readers see as soon as no run is at work."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from strava_pipeline.core.errors import CheckFailedError
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.personal import BestsDecision
from strava_pipeline.lake.gold.publish import if_readable, publish
from strava_pipeline.lake.gold.warehouse import Connection, DamagedWarehouseError, OtherCatalogueError, at_rest
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.strava_access import primed_clock
from strava_pipeline.settings import Settings

_PATIENCE = 2.0  # s: a person waits for the answer


def decide_bests(settings: Settings, ids: Sequence[int], *, dismissed: bool, by: str) -> bool:
    """Record that activities hold no best any more, or may again; whether readers see it now, or after the next publish."""
    from strava_pipeline.operations.table_rules import refuse_faults  # imports Polars

    lake, at = Lake(settings.data_dir, group=settings.reader_group), primed_clock(settings).now()
    record_decisions(lake, *(BestsDecision(at=at, by=by, activity_id=one, dismissed=dismissed) for one in ids))
    with at_rest(lake, patience=_PATIENCE) as is_free:
        if is_free:
            with suppress(
                CheckFailedError, OtherCatalogueError, DamagedWarehouseError
            ):  # the next run that publishes follows it
                publish(lake, refuse=partial(refuse_faults, lake=lake))
    return if_readable(lake, lambda published: _holds(published, ids, dismissed)) is True


def _holds(published: Connection, ids: Sequence[int], dismissed: bool) -> bool:
    """Whether readers see the decision: of a warehouse that is being rebuilt nothing is published."""
    found = {one for (one,) in published.execute("SELECT activity_id FROM dismissed_bests").fetchall()}
    return all((one in found) == dismissed for one in ids)
