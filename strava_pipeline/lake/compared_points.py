"""The points of imported files compared pair by pair, out of their readings. How is core/matching's.

What a comparison came to is kept beside the readings, as the points of a file never change: a cache, made again where it is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import polars as pl

from strava_pipeline.core.files.recording import VERSION as READING
from strava_pipeline.core.matching.evidence import COMPARISON_COLUMNS, POINT_COLUMNS, compare_points
from strava_pipeline.core.matching.rules import VERSION as RULES
from strava_pipeline.lake.file_tracks import recorded_tracks
from strava_pipeline.lake.files import write_rows
from strava_pipeline.lake.imported import Recorded, imported
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.readings import has_track, track_of

_HELD = 16  # recordings whose points stay in memory: neighbours in time are compared one after the other
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
    """Compares pairs of activities: a `core.matching.points.Compare`.

    `is_kept`: what was measured is written to the cache. `lacking`: hash and session of files whose points should be on disk
    and are not.
    """

    lake: Lake
    is_kept: bool
    lacking: set[tuple[str, int]] = field(default_factory=set)

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """From `id_a` and `id_b` to `COMPARISON_COLUMNS`, of the pairs of which imported files hold both recordings."""
        recorded = recorded_tracks(imported(self.lake))
        held = lru_cache(_HELD)(self._points)
        known = _read_cache(self.lake)
        found: dict[_Key, _Measures] = {}
        rows = []
        for one, other in pairs.select("id_a", "id_b").sort("id_a", "id_b").iter_rows():
            if one not in recorded or other not in recorded:
                continue
            first, second = sorted((recorded[one], recorded[other]))
            key = _name(first), _name(second)
            measures = found.get(key) or known.get(key)
            if measures is None and (a := held(first)) is not None and (b := held(second)) is not None:
                measures = compare_points(a, b)
            if measures is not None:
                found[key] = measures
                rows.append({"id_a": one, "id_b": other, **measures})
        if self.is_kept and not found.keys() <= known.keys():
            _write_cache(self.lake, found)
        return pl.DataFrame(rows, schema=COMPARISON_COLUMNS)

    def _points(self, recorded: Recorded) -> pl.DataFrame | None:
        parts = {of: track_of(self.lake, *of, columns=POINT_COLUMNS) for of in recorded}
        there = [part for part in parts.values() if part is not None]
        self.lacking |= {of for of, part in parts.items() if part is None}
        return pl.concat(there) if len(there) == len(parts) else None


def any_on_disk(lake: Lake, lacking: Iterable[tuple[str, int]]) -> bool:
    """Whether points that a comparison lacked are there by now."""
    return any(has_track(lake, digest, place) for digest, place in lacking)


def _name(recorded: Recorded) -> str:
    return ",".join(f"{digest}-{place}" for digest, place in recorded)


def _path(lake: Lake) -> Path:
    return lake.readings / f"compared.v{READING}.{RULES}.parquet"


def _read_cache(lake: Lake) -> dict[_Key, _Measures]:
    try:
        rows = pl.read_parquet(_path(lake)).select(*_KEPT).cast(_KEPT).iter_rows(named=True)
    except (FileNotFoundError, pl.exceptions.PolarsError):
        return {}
    return {(row.pop("one"), row.pop("other")): row for row in rows}


def _write_cache(lake: Lake, found: dict[_Key, _Measures]) -> None:
    """Of the pairs that are near by now: the others are not asked for again."""
    rows = [{"one": one, "other": other, **measures} for (one, other), measures in found.items()]
    write_rows(_path(lake), pl.DataFrame(rows, schema=_KEPT), "zstd", {})
