"""Where things are kept below the data folder, and this machine's clock. Names only: nothing here is read or written."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.sources import SOURCES, STRAVA

if TYPE_CHECKING:
    from strava_pipeline.core.providers import Kind  # loads Polars, and every command comes here

log = logging.getLogger(__name__)


def log_of(database: Path) -> Path:
    """DuckDB's write-ahead log of a database: what was committed to it and is not in the file yet."""
    return database.with_name(f"{database.name}.wal")


@dataclass(frozen=True, slots=True)
class Lake:
    """A data folder. Folders are made by whoever writes into them.

    Args:
        clock: this machine's, where anything is to land.
        priorities: of providers, as a person chose them; whoever matches needs them (`naming_sources`).
        group: the number of the one whose members may read the snapshot; whoever publishes needs it.
    """

    data_dir: Path
    warehouse: str = "strava.duckdb"  # the working warehouse's file
    clock: Callable[[], datetime] | None = field(default=None, compare=False, repr=False)
    priorities: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    group: int | None = field(default=None, compare=False, repr=False)

    def local_time(self) -> datetime | None:
        """This machine's time, by which what lands is numbered."""
        return self.clock() if self.clock is not None else None

    @property
    def remade(self) -> "Lake":
        """The same lake with the warehouse that a rebuild is making in place of the working one."""
        return replace(self, warehouse="strava.remade.duckdb")

    @property
    def bronze(self) -> Path:
        return self.data_dir / "bronze"

    @property
    def listings(self) -> Path:
        return self.data_dir / "bronze" / "activities"

    @property
    def providers(self) -> Path:
        """A folder for each provider beside Strava, with its listings, files and gear."""
        return self.data_dir / "bronze" / "providers"

    def listings_of(self, source: str) -> Path:
        """The listings of a source."""
        return self._place_of(source, self.listings, self.providers / source / "activities")

    def _place_of(self, source: str, of_strava: Path, of_another: Path) -> Path:
        """Strava's places stay where they were before there were others."""
        return {STRAVA: of_strava}.get(source, of_another)

    def kind_of(self, source: str, kind: "Kind") -> Path:
        """What a provider beside Strava answered about a kind of data beside activities, such as gear."""
        return self.providers / source / kind

    def files_of(self, source: str) -> Path:
        """What a provider beside Strava answered when it was asked for the file of an activity, a folder for each."""
        return self.providers / source / "files"

    def gear_of_activities(self, source: str) -> Path:
        """What a provider beside Strava answered when it was asked for the gear of an activity, a folder for each."""
        return self.providers / source / "activity_gear"

    def source_of(self, listings: Path) -> str:
        """Whose listings lie in a folder that `listings_of` names."""
        return STRAVA if listings == self.listings else listings.parent.name

    @property
    def listed_sources(self) -> list[str]:
        """The providers of which the lake has listings, or may have: Strava, and the others in name order."""
        others = sorted(path.parent for path in self.providers.glob("*/activities"))
        return [STRAVA, *(folder.name for folder in others if _may_be_of_a_provider(folder))]

    @property
    def details(self) -> Path:
        return self.data_dir / "bronze" / "activity_details"

    @property
    def streams(self) -> Path:
        return self.data_dir / "bronze" / "activity_streams"

    @property
    def athlete(self) -> Path:
        return self.data_dir / "bronze" / "athlete"

    @property
    def gear(self) -> Path:
        return self.data_dir / "bronze" / "gear"

    @property
    def trips(self) -> Path:
        """Results computed from trips, a file per table: the source may forget its trips, and holds no results."""
        return self.data_dir / "trips"

    @property
    def decisions(self) -> Path:
        """What a person decided; it can't be made again."""
        return self.data_dir / "decisions"

    @property
    def shards(self) -> Path:
        return self.data_dir / "activities"

    @property
    def tracks(self) -> Path:
        return self.data_dir / "tracks"

    @property
    def files(self) -> Path:
        """What was imported, byte for byte, by the hash of its bytes."""
        return self.data_dir / "bronze" / "files"

    @property
    def imports(self) -> Path:
        """What came in together: which names the bytes had."""
        return self.data_dir / "bronze" / "imports"

    @property
    def inbox_files(self) -> Path:
        """Where a person drops archives and files to have them imported. Nothing in it is changed or moved."""
        return self.data_dir / "inbox" / "files"

    @property
    def webhooks(self) -> Path:
        """Webhook events as received, many to a file."""
        return self.data_dir / "bronze" / "webhooks"

    @property
    def publish_waits(self) -> Path:
        """The years of what is published after a pause; there while anything waits (gold/publish_pause.py)."""
        return self.state / "publish_waits"

    @property
    def publish_looked(self) -> Path:
        """Written when the sensor looked last whether anything waits to be published."""
        return self.state / "publish_looked"

    @property
    def inbox_webhooks(self) -> Path:
        """What the intake received and no run has read yet: a journal."""
        return self.data_dir / "inbox" / "webhooks"

    def webhooks_of(self, source: str) -> Path:
        """Webhook deliveries of a source, without their secret, many to a file."""
        return self._place_of(source, self.webhooks, self.providers / source / "webhooks")

    def inbox_webhooks_of(self, source: str) -> Path:
        """What the intake received from a source and no run has read yet: a journal."""
        return self._place_of(source, self.inbox_webhooks, self.data_dir / "inbox" / "providers" / source)

    def webhooks_queue_of(self, source: str) -> Path:
        """What is still to be asked for because of a source's webhooks."""
        of_another = self.state / "providers" / source / "webhooks" / "state.json"
        return self._place_of(source, self.state / "webhooks.json", of_another)

    @property
    def pings(self) -> Path:
        """What phones sent, and what belongs to it: users' cars and places, safety nets. Many lines to a file."""
        return self.data_dir / "bronze" / "pings"

    @property
    def car_readings(self) -> Path:
        """What cars and routers answered because of a line in `pings`: files of the same names."""
        return self.data_dir / "bronze" / "car_readings"

    @property
    def addresses(self) -> Path:
        """What a geocoder answered of the areas where trips by car began and ended, a line each."""
        return self.data_dir / "bronze" / "addresses.jsonl"

    @property
    def inbox_pings(self) -> Path:
        """What the intake received from phones and cars, and no run has read yet: a journal."""
        return self.data_dir / "inbox" / "pings"

    @property
    def live_cars(self) -> Path:
        """What the intake makes of each user's trip at the moment. A cache."""
        return self.data_dir / "inbox" / "live" / "car_trips.json"

    @property
    def readings(self) -> Path:
        """What reading the imported files came to. Made from them, any time again."""
        return self.data_dir / "readings"

    @property
    def snapshot(self) -> Path:
        """The published warehouse: what readers open."""
        return self.data_dir / "warehouse" / "strava.duckdb"

    @property
    def working(self) -> Path:
        """The warehouse that the one writer works on."""
        return self.data_dir / "warehouse" / "working" / self.warehouse

    @property
    def staging(self) -> Path:
        """Rows on their way into the warehouse; what a dead process left is deleted."""
        return self.data_dir / "state" / "staging"

    @property
    def views(self) -> Path:
        """The user's own SQL, applied to each snapshot: beside the data folder, because a person writes it."""
        return self.data_dir.parent / "views"

    @property
    def goals(self) -> Path:
        """The user's goals: beside the data folder, because a person writes it."""
        return self.data_dir.parent / "goals.toml"

    @property
    def insights(self) -> Path:
        """A year against its goals, a folder per local year. Made of the published warehouse, any time again."""
        return self.data_dir / "insights"

    @property
    def maps(self) -> Path:
        """Regions of the map, which a person added."""
        return self.data_dir / "maps"

    @property
    def widgets(self) -> Path:
        """A person's own cards and pages of the dashboard, a query each."""
        return self.data_dir / "widgets"

    @property
    def was_made(self) -> Path:
        """Exists once a working warehouse was made, which distinguishes a lost one from none yet."""
        return self.state / "warehouse_was_made"

    @property
    def deleted_for_good(self) -> Path:
        """There while the warehouse's files may hold the bytes of what was deleted for good (gold/written_anew.py)."""
        return self.state / "deleted_for_good"

    @property
    def state(self) -> Path:
        return self.data_dir / "state"

    @property
    def app_records(self) -> Path:
        """The dashboard's own records, where they are a file."""
        return self.state / "app.sqlite3"

    @property
    def copied(self) -> Path:
        """What is known here of the second copy: when it was made, and what it holds."""
        return self.state / "copied"

    @property
    def copy_scratch(self) -> Path:
        """Where the newest copy is restored while it is checked; what a dead process left of it is deleted."""
        return self.copied / "scratch"

    @property
    def beside(self) -> Path:
        """What a person wrote beside the data folder, as it was copied last."""
        return self.state / "beside"

    @property
    def dashboard_note(self) -> Path:
        """Held as long as a dashboard of this folder runs; says where it answers."""
        return self.state / "dashboard.json"

    @property
    def purged(self) -> Path:
        """What a purge has moved aside to delete; nothing else reads it."""
        return self.data_dir / ".purged"

    @property
    def purged_api(self) -> Path:
        """The same of a purge of what came by Strava's API alone."""
        return self.state / "purged_api"

    @property
    def expiry_announced(self) -> Path:
        """When it was announced that what came by Strava's API begins to expire."""
        return self.state / "expiry_announced"

    @property
    def of_api(self) -> list[Path]:
        """What came by Strava's API, as received, and what waits for it."""
        came = [self.listings, self.details, self.streams, self.athlete, self.gear, self.webhooks, self.inbox_webhooks]
        noted = [
            self.state / "webhooks.json",
            self.state / "revoked.json",
            self.shape_of(STRAVA),
            self.expiry_announced,
        ]
        return [*came, *noted]

    def shape_of(self, source: str) -> Path:
        """What the lists of a source have looked like so far."""
        return self.state / "shapes" / f"{source}.json"

    @property
    def derived(self) -> list[Path]:
        """What a rebuild makes again out of bronze and decisions."""
        return [self.data_dir / "warehouse", self.shards, self.tracks, self.insights]

    def insights_of(self, year: int) -> Path:
        return self.insights / str(year)

    def shards_of(self, year: int) -> Path:
        return self.shards / f"year={year}"

    def tracks_of(self, year: int) -> Path:
        return self.tracks / f"year={year}"

    def details_of(self, year: int) -> Path:
        return self.details / f"year={year}"

    def streams_of(self, year: int) -> Path:
        return self.streams / f"year={year}"


@cache  # so that the warning comes once
def _may_be_of_a_provider(folder: Path) -> bool:
    """Whether a folder among those of the providers has a name that one of them can have."""
    if folder.name.isidentifier() and folder.name not in SOURCES:
        return True
    log.warning("%s is no provider's folder and is passed over. Move it out of %s.", folder, folder.parent)
    return False
