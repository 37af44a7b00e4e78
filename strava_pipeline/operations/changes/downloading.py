"""Fetching the file of an activity after approval, as a kind of writer: nothing changes at the service."""

from collections.abc import Sequence
from dataclasses import dataclass

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.writer import Answered, Reading, Request, UnsupportedChangeError
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.imports.merge import merge_files
from strava_pipeline.lake.providers import file_answers, land_provider_file
from strava_pipeline.operations.importing import LOCK
from strava_pipeline.operations.reading_files import read_unread_files
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.sources import Sources


@dataclass(slots=True)
class Downloads:
    """The person's own disk as the place of changes; the file is there, or not."""

    run: RunContext
    sources: Sources
    calls: int = 0
    most_at_once: int = 1

    def read(self, change: Change) -> Reading:
        """Whether the file is on disk; no call."""
        source = self._source(change)
        answers = file_answers(self.run.lake, source.spec.name).get(hashed_id(source.spec.name, str(change.source_id)))
        return Reading(change.new if answers is not None and answers.good is not None else None)

    def requests(self, change: Change, before: Reading) -> Sequence[Request]:
        """The request in words: how a service gives a file is its client's business."""
        return [Request("GET", f"the file of activity {change.source_id} at {self._source(change).spec.title}")]

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Fetch the files, each on disk before the next call."""
        for change in changes:
            source = self._source(change)
            with source.client.landing():
                self.calls += 1
                received = source.client.get_file(str(change.source_id))
                land_provider_file(
                    self.run.lake,
                    source.spec.name,
                    hashed_id(source.spec.name, str(change.source_id)),
                    str(change.source_id),
                    source.account_name,
                    received.name or str(change.source_id),
                    received.body,
                    received.fetched_at,
                )
        return ()

    def finish(self, limits: ImportLimits) -> None:
        """Read the files, and merge their rows of the table `files`."""
        with self.run.exclusive(LOCK):
            read_unread_files(self.run.lake, self.run.progress, limits)
        with writing(self.run.lake) as connection:
            merge_files(connection, self.run.lake)

    def _source(self, change: Change) -> Source:
        if change.source is None or "files" not in spec_of(change.source).capabilities:
            raise UnsupportedChangeError("No service is named that gives the file.")
        return self.sources.source(change.source)
