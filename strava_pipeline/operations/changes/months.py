"""Months for commands and pages: the state of each at each service, and one compared row by row. Nothing is sent."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activities import first_month
from strava_pipeline.operations.changes.asking import declined
from strava_pipeline.operations.changes.comparing import (
    Comparison,
    Month,
    ProviderMonth,
    compare_months,
    month_states,
    state_of,
)
from strava_pipeline.operations.changes.deciding import shown
from strava_pipeline.operations.changes.parties import comparing


def calendar_of(settings: Settings, months: Collection[str], now: datetime) -> dict[str, Month]:
    """The state of these local months (2026-10) in the published data, the newest first; no pull contains those before all years.

    Raises PipelineError if nothing usable is published, UnusableProvidersError.
    """
    who = comparing(settings, now)
    with current_snapshot(Lake(settings.data_dir)) as connection:
        found = month_states(connection, who, months, declined(settings, now))
        first = _first_month(connection, settings)
    return {month: state if month >= first else _before_all(state) for month, state in found.items()}


def _before_all(state: Month) -> Month:
    nothing = ProviderMonth("not_pulled", 0, None)
    return Month("not_pulled", 0, dict.fromkeys(state.providers, nothing))


def known_since(settings: Settings) -> str:
    """The first local month: of STRAVA_FIRST_YEAR, or of an earlier activity. Raises as `calendar_of`."""
    with current_snapshot(Lake(settings.data_dir)) as connection:
        return _first_month(connection, settings)


def _first_month(connection: Connection, settings: Settings) -> str:
    configured = f"{settings.first_year:04}-01"
    return min(first_month(connection) or configured, configured)


@dataclass(frozen=True, slots=True)
class ComparedMonth:
    """A local month (2026-10): its state, and each service's data of each activity."""

    month: str
    state: Month
    comparison: Comparison

    def to_json(self, changes: Mapping[str, ChangeState]) -> dict[str, Any]:
        """The shape in docs/formats.md, with these changes, by id."""
        comparison = self.comparison
        return {
            "month": self.month,
            **asdict(self.state),
            "obstacles": {party.name: party.obstacle for party in comparison.parties if party.obstacle},
            "rows": {row.effort.key: row.to_json() for row in comparison.rows},
            "changes": {key: shown(each) for key, each in changes.items()},
        }


def compared_month(settings: Settings, month: str, now: datetime) -> ComparedMonth:
    """A month in the published data. Raises as `calendar_of`."""
    who = comparing(settings, now)
    with current_snapshot(Lake(settings.data_dir)) as connection:
        comparison = compare_months(connection, who, [month])
    return ComparedMonth(month, state_of(comparison, who, month, declined(settings, now)), comparison)
