"""Which streams are to be fetched: from gold, from what is on disk, and from the tracks that files made. No fetching.

Streams are fetched once. What was recorded doesn't change by an edit, unless it was cut or mended: then its distance or
times differ from those that listings showed before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.answer_files import AnswerFiles
from strava_pipeline.lake.file_tracks import followed, recorded_tracks
from strava_pipeline.lake.imported import imported
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.quarantine import drops
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.stream_files import has_no_streams, stream_files
from strava_pipeline.lake.tracks import is_of_a_file, track_origins
from strava_pipeline.lake.warehouse import reading


@dataclass(frozen=True, slots=True)
class Streamable:
    """A present activity that may have streams, and what is on disk of them."""

    activity_id: int
    year: int
    recut_at: datetime | None = None  # when a listing first showed another distance or time
    files: AnswerFiles | None = None

    @property
    def is_poisoned(self) -> bool:
        """It always fails: one attempt is enough."""
        return self.files is not None and self.files.is_quarantined

    def rests(self, now: datetime) -> bool:
        """It failed, and its pause is not over."""
        retry_at = self.files.retry_at if self.files else None
        return retry_at is not None and now < retry_at

    @property
    def is_due(self) -> bool:
        """Nothing came of it yet, or what came was cut or mended at the source since, or is damaged."""
        if self.files is None:
            return True
        if has_no_streams(self.files):
            return False
        good_at = self.files.good_at
        return good_at is None or self.files.lost or (self.recut_at is not None and good_at < self.recut_at)


@dataclass(frozen=True, slots=True)
class WantedStreams:
    """What to fetch, in order, and what waits for its retry."""

    due: list[Streamable]
    resting: list[Streamable]


def wanted_streams(lake: Lake, years: Sequence[int], now: datetime, sports: Sequence[str] = ()) -> WantedStreams:
    """Those of `years` that lack streams and whose track no file made, newest first; dropped ones left out.

    `sports`: only activities of these; none: of all.
    """
    with reading(lake) as connection:
        values = {"source": STRAVA, "years": list(years), "sports": list(sports) or None}
        rows = connection.execute(sql("streamable"), values).fetchall()
        recorded = followed(connection, recorded_tracks(imported(lake))).keys()
        members = dict(connection.execute("SELECT id, activity_id FROM activity_members").fetchall())
    filed = recorded | {key for year in {row[1] for row in rows} for key in _made_of_files(lake, year)}
    fetched = {one for one, files in stream_files(lake, members.keys()).items() if files.good_at}
    told = {members[one] for one in fetched}  # by another number of the same activity
    elsewhere = {one for one, activity in members.items() if activity in told and one not in fetched}
    left_out = filed | drops(lake).keys() | elsewhere
    lacking = still_due(
        lake, [Streamable(key, year, at and at.replace(tzinfo=UTC)) for key, year, at in rows if key not in left_out]
    )
    return WantedStreams(
        due=[each for each in lacking if not each.rests(now)], resting=[each for each in lacking if each.rests(now)]
    )


def still_due(lake: Lake, chosen: Iterable[Streamable]) -> list[Streamable]:
    """Those of `chosen` that are due by what is on disk of them now."""
    return [each for each in _as_of_now(lake, chosen) if each.is_due]


def untouched(lake: Lake, chosen: Sequence[Streamable]) -> list[Streamable]:
    """Those about which nothing came to disk since they were chosen: another run may have been faster."""
    return [now for before, now in zip(chosen, _as_of_now(lake, chosen), strict=True) if now.files == before.files]


def _as_of_now(lake: Lake, chosen: Iterable[Streamable]) -> list[Streamable]:
    found = {each.activity_id: each for each in chosen}
    on_disk = stream_files(lake, found.keys())
    return [replace(each, files=on_disk.get(key)) for key, each in found.items()]


def _made_of_files(lake: Lake, year: int) -> set[int]:
    return {key for key, origin in track_origins(lake, year).items() if is_of_a_file(origin)}
