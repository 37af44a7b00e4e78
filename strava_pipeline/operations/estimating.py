"""The estimate for a request for a year, before a person makes it, by the functions of the command `plan`. No call is made."""

import logging
from dataclasses import asdict
from datetime import datetime
from typing import Any

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.warehouse import at_rest
from strava_pipeline.lake.requests import BackfillWanted
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.planning import plan_backfill, plan_facts
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.provider_access import plan_providers
from strava_pipeline.operations.requesting import refuse_request
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline.operations.years import year_range

PATIENCE = 2.0  # seconds for a run that has the warehouse open: a page must not wait for a long merge
_BUSY = (
    "A run is at work on the warehouse, so what the year takes can't be computed now. Load the page again in a minute."
)


def backfill_estimate(settings: Settings, year: int | None, now: datetime) -> dict[str, Any]:
    """The estimate for pulling a year again; None: the present year.

    Returns:
        `years`: those that can be asked for, the newest first; `year`: the chosen one; `refusal`: why it can't be asked for;
        `plan`: of Strava, with its calls, limits and end; `providers`: of the other services, by name; `unknown`: why neither
        could be computed. Fields that don't apply are None or empty.
    """
    years = year_range(settings.first_year, now)
    chosen = years.newest if year is None else year
    found: dict[str, Any] = {"year": chosen, "years": years.all[::-1]}
    found |= {"refusal": None, "plan": None, "providers": {}, "unknown": None}
    try:
        refuse_request(settings, BackfillWanted(kind="backfill", year=chosen), now)
    except MisuseError as error:
        return {**found, "refusal": str(error)}
    try:
        return found | _computed(settings, chosen)
    except PipelineError as error:  # the next run makes such a warehouse again
        return {**found, "unknown": str(error)}


def _computed(settings: Settings, year: int) -> dict[str, Any]:
    run = run_context(settings, LogProgress(logging.getLogger(__name__)))
    with at_rest(run.lake, patience=PATIENCE) as free:
        if not free:
            return {"unknown": _BUSY}
        providers = {name: asdict(each) for name, each in plan_providers(run, settings, [year]).items()}
        if settings.client_id is None:
            return {"providers": providers}
        options = ListingOptions(per_page=None, days=None)
        plan, _ = plan_backfill(run, BudgetedSource(STRAVA, settings, run), [year], options)
    return {"plan": plan_facts(plan), "providers": providers}
