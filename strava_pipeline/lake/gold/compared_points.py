"""Comparing the points of two activities, of imported files, of providers' files, or of streams; the measures are kept next to
the readings. No call is made for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import polars as pl

from strava_pipeline.core.activities import stream_points
from strava_pipeline.core.files.recording import VERSION as READING
from strava_pipeline.core.matching.evidence import COMPARISON_COLUMNS
from strava_pipeline.core.matching.rules import VERSION as RULES
from strava_pipeline.core.pairs.one_effort import POINT_COLUMNS, compare_points
from strava_pipeline.lake.bronze.answers import AnswerFiles, newest_answer, stream_files
from strava_pipeline.lake.files import stamp, write_rows
from strava_pipeline.lake.imports.activities import SessionKeys, imported_activities, sessions_text
from strava_pipeline.lake.imports.files import read_points
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.tracks import recorded_tracks

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
        streams = streams_of(self.lake, starts.keys() - recorded.keys())
        self.streams |= {one: at for one, (_, at) in streams.items()}
        held = lru_cache(_HELD)(self._points)
        known = _read_cache(self.lake)
        found: dict[_Key, _Measures] = {}
        rows = []
        for one, other in pairs.select("id_a", "id_b").sort("id_a", "id_b").iter_rows():
            both = [_Points.of(each, recorded, streams, starts[each]) for each in (one, other)]
            if not all(each.key for each in both):
                continue
            first, second = sorted(both)
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
        if of_one.streams is not None:
            answer = newest_answer(of_one.streams)
            start = None if of_one.start is None else datetime.fromtimestamp(of_one.start, UTC)
            return None if answer is None else stream_points(answer, start).rename({"recorded_at": "at"})
        parts = {of: read_points(self.lake, *of, columns=POINT_COLUMNS) for of in of_one.sessions}
        there = [part for part in parts.values() if part is not None]
        self.lacking |= {of for of, part in parts.items() if part is None}
        return pl.concat(there) if len(there) == len(parts) else None


@dataclass(frozen=True, slots=True, order=True)
class _Points:
    """Where an activity's points are: sessions of files, or else streams; `key` is empty if there are none."""

    key: str
    sessions: SessionKeys = field(compare=False)
    streams: AnswerFiles | None = field(compare=False, default=None)
    start: float | None = field(compare=False, default=None)

    @classmethod
    def of(cls, one: int, recorded: dict[int, SessionKeys], streams: "_Streams", start: float | None) -> "_Points":
        if one in recorded:
            return cls(sessions_text(recorded[one]), recorded[one])
        files, fetched_at = streams[str(one)]
        return cls(f"streams of {one} {fetched_at} {start}" if files and start is not None else "", (), files, start)


_Streams = dict[str, tuple[AnswerFiles | None, str]]


def streams_of(lake: Lake, ids: Iterable[int]) -> _Streams:
    """The streams of each activity on disk, and when they were fetched; nothing and "" where there are none."""
    wanted = {*ids}
    good = {one: files for one, files in stream_files(lake, wanted).items() if files.good_at} if wanted else {}
    return {
        str(one): (good[one], stamp(good[one].good_at)) if one in good else (None, "")  # type: ignore[arg-type]
        for one in sorted(wanted)
    }


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
