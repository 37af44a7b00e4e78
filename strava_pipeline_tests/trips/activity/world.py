"""A rig with a source of made-up trips, which a test rewrites as it likes; and what was kept of them. No assertions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import Table
from strava_pipeline.trips.activity.keeping import saved_trips
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX
from strava_pipeline_tests.rig import Rig, broken_rules, started
from strava_pipeline_tests.trips.activity.sources import NEW, OLD, Row, points, sealed, trip, write_sqlite
from strava_pipeline_tests.without_dagster import Done

YEARS = [2022, 2023, 2024]


@dataclass
class Trips:
    """The rig, and the file that its settings name as the source."""

    rig: Rig
    source: Path

    def write(self, rows: Iterable[Row]) -> None:
        self.source.unlink(missing_ok=True)
        write_sqlite(self.source, rows)

    def run(self, *years: int) -> dict[str, dict[str, Any]]:
        """Run the job over these years (all three, unless said): what each asset reported."""
        return self.rig.run("trips", list(years) or YEARS).metadata

    def do(self, *years: int) -> Done:
        """Do what `run` does to the data, without Dagster."""
        return self.rig.do("trips", list(years) or YEARS)

    def kept(self, table: Table = TRIP_INDEX) -> list[dict[str, Any]]:
        """The rows, but for when they changed."""
        return saved_trips(self.rig.lake, table).drop("fetched_at").sort("external_id").to_dicts()

    def years(self, table: Table = TRIP_DIAGNOSTICS) -> dict[str, tuple[int, bool]]:
        """Of each trip its partition, and whether its source has lost it."""
        return {row["external_id"]: (row["year"], row["deleted_at"] is not None) for row in self.kept(table)}

    def checks(self) -> dict[str, dg.AssetCheckEvaluation]:
        """What each check of the newest run said."""
        (newest,) = self.rig.remembered.get_runs(limit=1)
        entries = self.rig.remembered.all_logs(newest.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
        return {f"{one.asset_key.to_user_string()}.{one.check_name}": one for one in found}

    def warned(self) -> set[str]:
        """The rules that the checks of the newest run found broken, by `asset.rule`, all of them warnings."""
        return {
            f"{one.asset_key.to_user_string()}.{rule}{'' if one.severity is dg.AssetCheckSeverity.WARN else '!'}"
            for one in self.checks().values()
            for rule in broken_rules(one)
        }


def ride(number: int, year: int, **columns: Any) -> Row:
    """A ride on 1 June of the year."""
    begin = datetime(year, 6, 1, 8, tzinfo=UTC)
    held = [point | {"timestamp": begin.timestamp() + 2 * place} for place, point in enumerate(points(20, number))]
    told = {"external_id": f"ride-{number}", "start_time": begin.isoformat(), "created_at": begin.isoformat()}
    return trip(number, **told | {"locations": sealed(held)} | columns)


@contextmanager
def trips_world(folder: Path, **settings: Any) -> Iterator[Trips]:
    """A rig whose settings name a source with a ride in each of three years, and its keys."""
    source, keys = folder / "source" / "trips.sqlite", folder / "source" / "keys.json"
    source.parent.mkdir(parents=True)
    keys.write_text(f'{{"keys": ["{NEW}", "{OLD}"]}}')
    keys.chmod(0o600)
    told = {"trips_source": f"sqlite:///{source}", "trips_keys_file": keys, "first_year": YEARS[0]} | settings
    with started(folder, logged_in=False, activities=0, settings=told) as rig:
        made = Trips(rig, source)
        made.write(ride(number, year) for number, year in enumerate(YEARS, start=1))
        yield made
