"""Storing a service's state after a write: as a listing of single activities, so that gold follows without another call."""

from dataclasses import dataclass
from datetime import UTC, datetime

from strava_pipeline.core.activities import edit_hash
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.provider import Page
from strava_pipeline.ingest.writer import Reading
from strava_pipeline.lake.bronze.deliveries import lock_of
from strava_pipeline.lake.bronze.listing import Listing, begin_listing
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Manifest, Window
from strava_pipeline.lake.gold.event_followup import keep_read_back
from strava_pipeline.lake.provider_gear import ActivityGear, gear_answers, land_gear_of_activity
from strava_pipeline.operations.run_context import RunContext


@dataclass(slots=True)
class ReadBacks:
    """The re-readings of one provider in one run."""

    run: RunContext
    provider: str
    _listing: Listing | None = None

    def land(self, source_id: str | None, reading: Reading) -> None:
        """Store the reading's data about the activity."""
        if reading.page is not None:
            self._land_page(reading.page)
        if reading.detail is not None:
            with self.run.exclusive(lock_of(self.provider)):
                body, at = reading.detail.body, reading.detail.fetched_at
                keep_read_back(self.run.lake, body, at, self.run.years, self._newest(at).athlete_id)
        if reading.gear is not None and source_id is not None and spec_of(self.provider).gear_of_activity:
            known = self._row_of(source_id, reading.page)
            record = ActivityGear(source_id=source_id, row=known, gear=parse_json(reading.gear.body))
            at = reading.gear.fetched_at
            land_gear_of_activity(self.run.lake, self.provider, hashed_id(self.provider, source_id), record, at)

    def _land_page(self, page: Page) -> None:
        if self._listing is None:
            self._listing = self._begin(page.fetched_at)
        self._listing.land(page.read, page.body, {}, page.fetched_at, self.run.years)
        self._listing.mark_ended()

    def _begin(self, at: datetime) -> Listing:
        """The listing is of the newest listing's account: its activity was changed."""
        said = self._newest(at)
        return begin_listing(
            self.run.lake,
            _WINDOW,
            athlete_id=said.athlete_id,
            at=at.astimezone(UTC),
            source=self.provider,
            account=said.account,
            sees_private=said.sees_private,
            host=said.host,
            run_id=self.run.run_id,
        )

    def _newest(self, at: datetime) -> Manifest:
        """The newest listing's manifest, or an empty one."""
        newest = next(listings(self.run.lake, self.provider, newest_first=True), None)
        return newest.manifest if newest is not None else Manifest(window=_WINDOW, started_at=at)

    def _row_of(self, source_id: str, page: Page | None) -> str:
        """A hash of the activity's present row, or of its row when its gear was last asked for."""
        for found in page.read.activities if page is not None else ():
            if found.get("source_id") == source_id:
                return edit_hash(found)
        _, record = gear_answers(self.run.lake, self.provider).get(hashed_id(self.provider, source_id), (None, None))
        return record.row if record is not None else ""


_WINDOW = Window(mode="feed", after=None, before=None)
