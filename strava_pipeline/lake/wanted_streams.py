"""Which streams are to be fetched: from gold, from what is on disk, and from the tracks that files made. No fetching.

Streams are fetched once: what was recorded doesn't change by an edit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from strava_pipeline.lake.answer_files import AnswerFiles
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.quarantine import drops
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.stream_files import is_settled, stream_files
from strava_pipeline.lake.tracks import is_of_a_file, track_origins
from strava_pipeline.lake.warehouse import reading


@dataclass(frozen=True, slots=True)
class Streamable:
    """A present activity that may have streams, and what is on disk of them."""

    activity_id: int
    year: int
    files: AnswerFiles | None = None

    @property
    def is_poisoned(self) -> bool:
        """It always fails: one attempt is enough."""
        return self.files is not None and self.files.is_quarantined

    def rests(self, now: datetime) -> bool:
        """It failed, and its pause is not over."""
        retry_at = self.files.retry_at if self.files else None
        return retry_at is not None and now < retry_at


@dataclass(frozen=True, slots=True)
class WantedStreams:
    """What to fetch, in order, and what waits for its retry."""

    due: list[Streamable]
    resting: list[Streamable]


def wanted_streams(lake: Lake, years: Sequence[int], now: datetime) -> WantedStreams:
    """Those of `years` that lack streams and whose track no file made, newest first; dropped ones left out."""
    with reading(lake) as connection:
        rows = connection.execute(sql("streamable"), {"years": list(years)}).fetchall()
    filed = {key for year in {row[1] for row in rows} for key in _made_of_files(lake, year)}
    left_out = filed | drops(lake).keys()
    lacking = without_streams(lake, [Streamable(*row) for row in rows if row[0] not in left_out])
    return WantedStreams(
        due=[each for each in lacking if not each.rests(now)], resting=[each for each in lacking if each.rests(now)]
    )


def without_streams(lake: Lake, chosen: Iterable[Streamable]) -> list[Streamable]:
    """Those of `chosen` of which still nothing is known, with what is on disk of them now."""
    now = as_of_now(lake, chosen)
    return [each for each in now if not is_settled(each.files)]


def untouched(lake: Lake, chosen: Sequence[Streamable]) -> list[Streamable]:
    """Those about which nothing came to disk since they were chosen: another run may have been faster."""
    return [now for before, now in zip(chosen, as_of_now(lake, chosen), strict=True) if now.files == before.files]


def as_of_now(lake: Lake, chosen: Iterable[Streamable]) -> list[Streamable]:
    found = {each.activity_id: each for each in chosen}
    on_disk = stream_files(lake, found.keys())
    return [replace(each, files=on_disk.get(key)) for key, each in found.items()]


def _made_of_files(lake: Lake, year: int) -> set[int]:
    return {key for key, origin in track_origins(lake, year).items() if is_of_a_file(origin)}
