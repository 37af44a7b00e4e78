"""Trips in one Parquet file, scanned for reading: whatever is asked, only the columns and the rows around it are taken in."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PanicException, PolarsError

from strava_pipeline.core.errors import SourceError
from strava_pipeline.ingest.trips.table import ENCRYPTED, GROUPS, Counts, Filters, Listed, TripSource

_ROW = "row of the file"
_NAMED = {  # as rows.name_of names a trip
    "external_id": pl.coalesce(pl.col("external_id").cast(pl.String).replace("", None), pl.col("id").cast(pl.String))
}
_WINDOW = 4096  # each look unpacks its row group up to there (0.2 s at 20,000 trips): few large looks, memory bounded


class ParquetTrips(TripSource):
    """A row is found again by its place in the file."""

    rows_at_once = _WINDOW
    points_at_once = 200_000

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        if not path.is_file():
            raise SourceError(f"{path} is no file; the source is parquet:///path/to/file.")
        self._scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        try:
            columns = self._scan.collect_schema().names()
        except (PolarsError, PanicException, OSError):
            raise self._unreadable() from None
        self.check(columns)

    def listed(self, filters: Filters) -> Iterable[Listed]:
        scan = self._scan.with_row_index(_ROW)
        for column, values in filters.plain.items():
            scan = scan.filter(_NAMED.get(column, pl.col(column).cast(pl.String)).is_in(values))
        return map(Listed._make, self._collected(scan.select(_ROW, "id", "start_time", "location_count")).iter_rows())

    def rows(self, keys: Sequence[Any], columns: Sequence[str]) -> dict[Any, dict[str, Any]]:
        found: dict[Any, dict[str, Any]] = {}
        for _, near in groupby(sorted(keys), lambda key: key // _WINDOW):
            wanted = set(near)
            first, count = min(wanted), max(wanted) - min(wanted) + 1
            window = self._collected(self._scan.slice(first, count).select(columns)).iter_rows(named=True)
            found |= {place: row for place, row in enumerate(window, start=first) if place in wanted}
        return found

    def sizes(self, keys: Sequence[Any]) -> dict[Any, tuple[int, ...]]:
        return {}

    def counts(self) -> Counts:
        groups = self._collected(self._scan.group_by(GROUPS).agg(pl.len()))
        present = self._collected(self._scan.select(pl.col(name).is_not_null().sum() for name in ENCRYPTED))
        return Counts(groups.rows(), dict(zip(ENCRYPTED, present.row(0), strict=True)))

    def close(self) -> None:
        """Nothing stays open between two looks."""

    def _collected(self, scan: pl.LazyFrame) -> pl.DataFrame:
        try:
            return scan.collect()
        except (PolarsError, PanicException, OSError):
            raise self._unreadable() from None

    def _unreadable(self) -> SourceError:
        return SourceError(
            f"{self.name} can't be read as a Parquet file: it is none, is damaged, or was just replaced."
        )
