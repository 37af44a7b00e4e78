"""Comparing the points of two activities, of imported files, of providers' files, or of streams; the measures are kept next to
the readings. No call is made for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import polars as pl

from strava_pipeline.core.files.recording import VERSION as READING
from strava_pipeline.core.matching.evidence import COMPARISON_COLUMNS
from strava_pipeline.core.matching.rules import VERSION as RULES
from strava_pipeline.core.pairs.one_effort import POINT_COLUMNS, compare_points
from strava_pipeline.lake.bronze.answers import stream_files
from strava_pipeline.lake.files import stamp, write_rows
from strava_pipeline.lake.imports.activities import SessionKeys, imported_activities, sessions_text
from strava_pipeline.lake.imports.files import read_points
from strava_pipeline.lake.made.tracks import points_of, recorded_tracks
from strava_pipeline.lake.paths import Lake

_HELD = 16  # recordings whose points stay in memory: neighbours in time are compared in turn
_KEPT = pl.Schema(
    {
        "one": pl.String(),
        "other": pl.String(),
        **{name: kind for name, kind in COMPARISON_COLUMNS.items() if name not in ("id_a", "id_b")},
    }
)
_Measures = dict[str, float | None]
_Key = tuple[str, str]


@dataclass(slots=True)
class PointComparison:
    """Compares pairs of activities: a `core.matching.evidence.ComparePoints`.

    `is_kept`: write the measures to the cache. `lacking`: hash and session of files whose points are missing on disk.
    `streams`: of the asked activities without a file when their streams were fetched, or nothing.
    """

    lake: Lake
    is_kept: bool
    lacking: set[tuple[str, int]] = field(default_factory=set)
    streams: dict[str, str] = field(default_factory=dict)

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """From `id_a`, `id_b`, `start_a` and `start_b` to `COMPARISON_COLUMNS`, for the pairs whose recordings are both there."""
        recorded = recorded_tracks(self.lake, imported_activities(self.lake))
        starts = {one: start for side in "ab" for one, start in pairs.select(f"id_{side}", f"start_{side}").iter_rows()}
        fetched = streams_fetched(self.lake, starts.keys() - recorded.keys())
        self.streams |= fetched
        where = dict[int, _Points]()
        for one, start in starts.items():
            if one in recorded:
                where[one] = _Points(sessions_text(recorded[one]), one, recorded[one], start)
            elif start is not None and (at := fetched[str(one)]):
                where[one] = _Points(f"streams of {one} {at} {start}", one, (), start)
        held = lru_cache(_HELD)(self._points)
        known = _read_cache(self.lake)
        found: dict[_Key, _Measures] = {}
        rows = []
        for one, other in pairs.select("id_a", "id_b").sort("id_a", "id_b").iter_rows():
            if one not in where or other not in where:
                continue
            first, second = sorted((where[one], where[other]))
            key = first.key, second.key
            measures = found.get(key) or known.get(key)
            if measures is None and (a := held(first)) is not None and (b := held(second)) is not None:
                measures = compare_points(a, b)
            if measures is not None:
                found[key] = measures
                rows.append({"id_a": one, "id_b": other, **measures})
        if self.is_kept and not found.keys() <= known.keys():
            _write_cache(self.lake, found)
        return pl.DataFrame(rows, schema=COMPARISON_COLUMNS)

    def _points(self, of_one: "_Points") -> pl.DataFrame | None:
        if not of_one.sessions and of_one.start is not None:
            found = points_of(self.lake, None, of_one.id, datetime.fromtimestamp(of_one.start, UTC))
            return None if found is None else found.rename({"recorded_at": "at"})
        parts = {of: read_points(self.lake, *of, columns=POINT_COLUMNS) for of in of_one.sessions}
        there = [part for part in parts.values() if part is not None]
        self.lacking |= {of for of, part in parts.items() if part is None}
        return pl.concat(there) if len(there) == len(parts) else None


@dataclass(frozen=True, slots=True, order=True)
class _Points:
    """Where an activity's points are, which `key` tells apart: sessions of files, or else streams that begin at `start`."""

    key: str
    id: int = field(compare=False)
    sessions: SessionKeys = field(compare=False)
    start: float | None = field(compare=False)


def streams_fetched(lake: Lake, ids: Iterable[int]) -> dict[str, str]:
    """When the streams of each activity on disk were fetched; "" where there are none."""
    wanted = {*ids}
    files = stream_files(lake, {one for one in wanted if one > 0}) if wanted else {}  # only Strava gives streams
    times = {one: each.good_at for one, each in files.items()}
    return {str(one): stamp(at) if (at := times.get(one)) else "" for one in sorted(wanted)}


def _path(lake: Lake) -> Path:
    return lake.readings / f"compared.v{READING}.{RULES}.parquet"


def _read_cache(lake: Lake) -> dict[_Key, _Measures]:
    try:
        rows = pl.read_parquet(_path(lake)).select(*_KEPT).cast(_KEPT).iter_rows(named=True)
    except (FileNotFoundError, pl.exceptions.PolarsError):
        return {}
    return {(row.pop("one"), row.pop("other")): row for row in rows}


def _write_cache(lake: Lake, found: dict[_Key, _Measures]) -> None:
    """Keep only the present pairs: the others are not compared again."""
    rows = [{"one": one, "other": other, **measures} for (one, other), measures in found.items()]
    write_rows(_path(lake), pl.DataFrame(rows, schema=_KEPT), "zstd", {})
