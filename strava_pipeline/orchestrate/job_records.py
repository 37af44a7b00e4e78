"""A job as a plain record: its selection, its years, its config. jobs.py and the systems declare them."""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any

from strava_pipeline.core.json_values import without_none
from strava_pipeline.core.tables import ACTIVITIES_ALL, MATCH_TABLES, TABLES

MATCHING = "matching"  # the step of the matches, and of the changes that follow from them
_ASSET_OF = {ACTIVITIES_ALL.name: "activities"}  # every other table's asset has the table's name


@dataclass(frozen=True, slots=True)
class Group:
    """The tables of a group of the graph, by the catalogue: a job that selects it includes new ones automatically.

    Args:
        but: tables that the job leaves out.
        also: an asset that isn't a table, included if it is set up.
    """

    name: str
    but: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of their assets."""
        names = (table.name for table in TABLES.values() if table.group == self.name)
        return tuple(_ASSET_OF.get(name, name) for name in names if name not in self.but)


SEPARATOR = "__"  # between the prefix of an athlete in somebody else's Dagster and a name: Dagster's own for steps


def plain_name(name: str) -> str:
    """The name of a job or a step without the prefix that it has in somebody else's Dagster (placing.py)."""
    prefix, _, plain = name.rpartition(SEPARATOR)
    return plain if prefix else name  # Dagster's own begin with the separator


COPIES = Group("copied", also=("second_copy",))  # last in a run that lands or publishes anything, where a copy is made
Selected = str | Group  # an asset by its name, or the tables of a group


def made_by(part: Selected) -> tuple[str, ...]:
    """The names of the assets that a job makes of a part of its selection."""
    return (part,) if isinstance(part, str) else (*part.tables, *part.also)


class JobYears(StrEnum):
    """The years of a job if nobody chose any, in words; job_years.py finds them."""

    RECENT = "the years from the first that the lookback reaches, or that the warehouse is behind with"
    OF_PROVIDER = "the years that the lookback reaches or that lack files, or all where the service reports any change"
    OF_PROVIDERS = "the years that the job of one of the services would take"
    NEWEST = "the running year"
    LAST_TWO = "the running year and the one before"
    WITH_DATA = "the years from the first with activities"
    ALL = "all years"
    CHOSEN = "the years that a person chooses"
    NONE = "no years"


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its selection, the years of a run that names none, and config of some assets."""

    name: str
    selects: tuple[Selected, ...]
    years: JobYears
    description: str
    config: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def assets(self) -> tuple[str, ...]:
        """The names of its assets."""
        parts = ((part,) if isinstance(part, str) else part.tables for part in self.selects)
        return tuple(chain.from_iterable(parts))

    @property
    def words(self) -> str:
        """The description, with the years of its schedule, because Dagster's dialog asks for them."""
        if self.years in (JobYears.NONE, JobYears.CHOSEN):
            return self.description
        return f"{self.description} By a schedule, or where no years are chosen, it takes {self.years}."

    def run_config(self, **overrides: dict[str, Any]) -> dict[str, Any]:
        """The run config, with `overrides` by asset on top; None leaves a value at its default."""
        ops: dict[str, Any] = {}
        for asset in {*self.config, *overrides}:
            if asset in self.assets or (asset == MATCHING and MATCH_TABLES[0] in self.assets):
                given = self.config.get(asset, {}) | overrides.get(asset, {})
                ops[asset] = {"config": without_none(given)}
        return {"ops": ops}
