"""The files of providers as gold needs them: which are to be asked for, and merging what they hold.

Wanted are the files of activities of which no source has a track. Their laps, sessions and lengths are merged under the ids
of the providers' own activities, from records and readings alone; merging twice changes nothing. Points become tracks in
tracks.py. No fetching.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from strava_pipeline.core.activities import FetchedDetail, detail_frames
from strava_pipeline.core.files.objects import file_detail
from strava_pipeline.core.files.recording import Reading
from strava_pipeline.lake.bronze.answers import AnswerFiles, stream_files
from strava_pipeline.lake.gold.merge import MergeReport
from strava_pipeline.lake.gold.merge_details import merge_detail_frames
from strava_pipeline.lake.gold.warehouse import Connection, reading
from strava_pipeline.lake.imports.activities import imported_activities
from strava_pipeline.lake.imports.files import is_stored, reading_of
from strava_pipeline.lake.imports.provider_files import ProviderFile, file_answers, has_no_file, provider_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.tracks import recorded_tracks, tracked_ids

_BATCH = 500  # files whose laps are held in memory at once


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A present activity of a provider of which no source has a track, and what is on disk of its file."""

    activity_id: int
    source_id: str
    year: int
    files: AnswerFiles | None = None

    @property
    def is_poisoned(self) -> bool:
        """Whether its file failed so often that one attempt is enough."""
        return self.files is not None and self.files.is_quarantined

    def is_resting(self, now: datetime) -> bool:
        """Whether the last attempt failed and the pause after it is not over."""
        retry_at = self.files.retry_at if self.files is not None else None
        return retry_at is not None and now < retry_at


def wanted_files(lake: Lake, source: str, account: str | None, years: Sequence[int]) -> list[WantedFile]:
    """The activities of `source` and `account` in `years` whose file is to be asked for, newest first.

    No source has a track of them, no file came, and the provider did not say that there is none. A file whose bytes are
    gone from the disk did not come.
    """
    with reading(lake) as connection:
        values = {"source": source, "account": account, "years": list(years), "tracked": sorted(_tracked(lake))}
        rows = connection.execute(sql("wanted_files"), values).fetchall()
    came = {file.activity_id for file in provider_files(lake, source) if is_stored(lake, file.record.sha256)}
    answers = file_answers(lake, source)
    wanted = [
        WantedFile(activity_id, source_id, year, answers.get(activity_id))
        for activity_id, source_id, year in rows
        if activity_id not in came
    ]
    return [activity for activity in wanted if activity.files is None or not has_no_file(activity.files)]


def _tracked(lake: Lake) -> set[int]:
    """The ids under which a track is on disk, or will be made of what is on disk: of streams, imports, providers' files."""
    streamed = {activity_id for activity_id, files in stream_files(lake).items() if files.good_at is not None}
    return tracked_ids(lake) | streamed | recorded_tracks(lake, imported_activities(lake)).keys()


@dataclass(frozen=True, slots=True)
class FreshFile:
    """A file that gold does not hold as it is. `held_at`: when the detail came that gold has in its place."""

    file: ProviderFile
    reading: Reading
    athlete_id: int | None
    held_at: datetime | None

    @property
    def detail(self) -> FetchedDetail:
        """The file as a DetailedActivity."""
        record = self.file.record
        file = {"name": record.name, "sha256": record.sha256, "format": self.reading.format}
        detail = file_detail(self.reading.recordings, self.file.activity_id, self.athlete_id, file)
        return FetchedDetail(self.file.received_at, detail)


def fresh_provider_files(connection: Connection, lake: Lake) -> list[FreshFile]:
    """The files that were read, of activities in gold, of which gold holds no detail, an older one, or another athlete's."""
    fresh = []
    for source in lake.listed_sources[1:]:
        rows = connection.execute(_HELD, {"source": source}).fetchall()
        held = {
            activity_id: (athlete_id, at and at.replace(tzinfo=UTC), of) for activity_id, athlete_id, at, of in rows
        }
        for file in provider_files(lake, source):
            athlete_id, held_at, held_athlete = held.get(file.activity_id, (None, None, None))
            if file.activity_id not in held or (held_at, held_athlete) == (file.received_at, athlete_id):
                continue
            reading = reading_of(lake, file.record.sha256)
            if reading is not None and reading.recordings:
                fresh.append(FreshFile(file, reading, athlete_id, held_at))
    return fresh


def merge_provider_files(connection: Connection, lake: Lake, fresh: Sequence[FreshFile], report: MergeReport) -> None:
    """Merge the laps, sessions and lengths of `fresh` files, within the caller's transaction."""
    for source in sorted({each.file.source for each in fresh}):
        files = [each for each in fresh if each.file.source == source]
        for start in range(0, len(files), _BATCH):
            batch = files[start : start + _BATCH]
            frames, unknown = detail_frames([each.detail for each in batch], athlete_id=None, source=source)
            replaced = {each.held_at for each in batch if each.held_at is not None}
            merge_detail_frames(connection, lake, frames, report, sorted(replaced))
            report.unknown.update(unknown)


_HELD = (
    "SELECT activity.id, activity.athlete_id, detail.fetched_at AT TIME ZONE 'UTC', detail.athlete_id "
    "FROM activities_all AS activity "
    "LEFT JOIN activity_details_by_source AS detail "
    "ON detail.activity_id = activity.id AND detail.source = activity.source "
    "WHERE activity.source = $source"
)
