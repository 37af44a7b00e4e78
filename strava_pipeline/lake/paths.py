"""Paths below the data folder, and this machine's clock. Names only: nothing is read or written."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.sources import SOURCES, STRAVA

if TYPE_CHECKING:
    from strava_pipeline.core.gear_links import Links
    from strava_pipeline.core.providers import Kind  # loads Polars, and every command comes here

log = logging.getLogger(__name__)


def log_of(database: Path) -> Path:
    """DuckDB's write-ahead log of a database: committed data that isn't in the file yet."""
    return database.with_name(f"{database.name}.wal")


class _Below:
    """A path below the data folder of a `Lake`, as an attribute."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __get__(self, lake: "Lake", _: type["Lake"]) -> Path:
        return lake.data_dir / self._path


@dataclass(frozen=True, slots=True)
class Lake:
    """A data folder. Its writers create the folders.

    Args:
        clock: this machine's; needed to land anything.
        priorities: of providers, as a person chose them; needed for matching (`naming_sources`).
        gear_links: of gear at several services, as a person wrote them; None leaves those in the warehouse as they are.
        zone: the person's own, as Europe/Vienna; needed for days of imports.
        group: the number of the group whose members may read the snapshot; needed for publishing.
    """

    data_dir: Path
    warehouse: str = "strava.duckdb"  # the working warehouse's file
    clock: Callable[[], datetime] | None = field(default=None, compare=False, repr=False)
    priorities: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    gear_links: "Links | None" = field(default=None, compare=False, repr=False)
    zone: str = field(default="UTC", compare=False, repr=False)
    group: int | None = field(default=None, compare=False, repr=False)

    bronze = _Below("bronze")
    listings = _Below("bronze/activities")
    # a folder for each provider other than Strava, with its listings, files and gear
    providers = _Below("bronze/providers")
    details = _Below("bronze/activity_details")
    streams = _Below("bronze/activity_streams")
    athlete = _Below("bronze/athlete")
    stats = _Below("bronze/athlete/stats")  # the athlete's totals as Strava shows them
    gear = _Below("bronze/gear")
    # results computed from trips, a folder per table: the source may delete its trips, and holds no results
    trips = _Below("trips")
    trip_readings = _Below("state/trip_readings.duckdb")  # what was read of each trip; without it all are read again
    decisions = _Below("decisions")  # a person's decisions, which can't be made again
    kept_decisions = _Below("state/decisions")  # their lines a second time, in case that the folder is lost
    shards = _Below("activities")
    tracks = _Below("tracks")
    cut_tracks = _Below("cut_tracks")  # copies of tracks of which a person cut a part, without it
    files = _Below("bronze/files")  # imported files, byte for byte, by the hash of their bytes
    imports = _Below("bronze/imports")  # the files that came in together, with their names
    # the folder where a person drops archives and files to import. Nothing in it is changed or moved.
    inbox_files = _Below("inbox/files")
    webhooks = _Below("bronze/webhooks")  # webhook events as received, many to a file
    # the years to publish after a pause; exists while any year waits (gold/publish_pause.py)
    publish_waits = _Below("state/publish_waits")
    # the time when the sensor last looked for years that wait for publishing
    publish_looked = _Below("state/publish_looked")
    inbox_webhooks = _Below("inbox/webhooks")  # a journal of events received by the intake and not yet read by a run
    # lines from phones, and related ones: users' cars and places, safety nets. Many lines to a file.
    pings = _Below("bronze/pings")
    # answers of cars and routers because of a line in `pings`: files of the same names
    car_readings = _Below("bronze/car_readings")
    # a geocoder's answers about the areas where trips by car began and ended, a line each
    addresses = _Below("bronze/addresses.jsonl")
    # a journal of lines from phones and cars, received by the intake and not yet read by a run
    inbox_pings = _Below("inbox/pings")
    live_cars = _Below("inbox/live/car_trips.json")  # the intake's present view of each user's trip. A cache.
    readings = _Below("readings")  # the results of reading imported files; can be made again at any time
    snapshot = _Below("warehouse/strava.duckdb")  # the published warehouse, which readers open
    staging = _Below("state/staging")  # rows on their way into the warehouse; leftovers of a dead process are deleted
    # a year against its goals, a folder per local year. Made from the published warehouse, at any time again.
    insights = _Below("insights")
    # since when each activity has counted, and with what, as each publish left it (gold/contributions.py)
    contributions = _Below("contributions")
    maps = _Below("maps")  # regions of the map, added by a person
    widgets = _Below("widgets")  # a person's own cards and pages of the dashboard, a query each
    # exists once a working warehouse was made, which distinguishes a lost one from one never made
    was_made = _Below("state/warehouse_was_made")
    # exists while the warehouse's files may contain bytes of permanently deleted data (gold/written_anew.py)
    deleted_for_good = _Below("state/deleted_for_good")
    state = _Below("state")
    key_prefix = _Below("state/key_prefix")  # whose folder it is in somebody else's Dagster
    app_records = _Below("state/app.sqlite3")  # the dashboard's own records, if they are a file
    copied = _Below("state/copied")  # what is known here of the second copy: when it was made, and what it holds
    # where the newest copy is restored while it is checked; leftovers of a dead process are deleted
    copy_scratch = _Below("state/copied/scratch")
    beside = _Below("state/beside")  # a person's files from next to the data folder, as they were copied last
    # locked as long as a dashboard of this folder runs; contains its address
    dashboard_note = _Below("state/dashboard.json")
    purged = _Below(".purged")  # data that a purge has moved aside to delete; nothing else reads it
    purged_api = _Below("state/purged_api")  # the same for a purge of data from Strava's API alone
    # data that the purge of one activity has moved aside to delete; there until all of that purge is done
    purging = _Below("state/purging")
    purge_begun = _Below("state/purging/begun")  # until all of what is recorded as purged is out of bronze
    # when the beginning expiry of data from Strava's API was announced
    expiry_announced = _Below("state/expiry_announced")

    def local_time(self) -> datetime | None:
        """This machine's time, from which landing numbers are made."""
        return self.clock() if self.clock is not None else None

    @property
    def remade(self) -> "Lake":
        """The same lake with the warehouse under reconstruction in place of the working one."""
        return replace(self, warehouse="strava.remade.duckdb")

    def listings_of(self, source: str) -> Path:
        """The listings of a source."""
        return self._place_of(source, self.listings, self.providers / source / "activities")

    def _place_of(self, source: str, of_strava: Path, of_another: Path) -> Path:
        """Strava's places have stayed where they were before there were other sources."""
        return {STRAVA: of_strava}.get(source, of_another)

    def kind_of(self, source: str, kind: "Kind") -> Path:
        """A provider's answers about a kind of data besides activities, such as gear; not for Strava."""
        return self.providers / source / kind

    def files_of(self, source: str) -> Path:
        """A provider's answers to requests for the files of activities, a folder for each; not for Strava."""
        return self.providers / source / "files"

    def gear_of_activities(self, source: str) -> Path:
        """A provider's answers to requests for the gear of activities, a folder for each; not for Strava."""
        return self.providers / source / "activity_gear"

    def source_of(self, listings: Path) -> str:
        """The source of a folder that `listings_of` names."""
        return STRAVA if listings == self.listings else listings.parent.name

    @property
    def listed_sources(self) -> list[str]:
        """The providers whose listings the lake has, or may have: Strava, and the others in name order."""
        others = sorted(path.parent for path in self.providers.glob("*/activities"))
        return [STRAVA, *(folder.name for folder in others if _may_be_of_a_provider(folder))]

    def sources_with(self, kind: "Kind") -> list[str]:
        """The providers whose answers about a kind of data the lake has, in name order."""
        found = sorted(path.parent for path in self.providers.glob(f"*/{kind}"))
        return [folder.name for folder in found if _may_be_of_a_provider(folder)]

    def webhooks_of(self, source: str) -> Path:
        """Webhook deliveries of a source, without their secret, many to a file."""
        return self._place_of(source, self.webhooks, self.providers / source / "webhooks")

    def inbox_webhooks_of(self, source: str) -> Path:
        """A journal of deliveries from a source, received by the intake and not yet read by a run."""
        return self._place_of(source, self.inbox_webhooks, self.data_dir / "inbox" / "providers" / source)

    def webhooks_queue_of(self, source: str) -> Path:
        """The queue of a source's webhooks."""
        of_another = self.state / "providers" / source / "webhooks" / "state.json"
        return self._place_of(source, self.state / "webhooks.json", of_another)

    @property
    def working(self) -> Path:
        """The working warehouse, for its one writer."""
        return self.data_dir / "warehouse" / "working" / self.warehouse

    @property
    def views(self) -> Path:
        """The user's own SQL, applied to each snapshot: next to the data folder, because a person writes it."""
        return self.data_dir.parent / "views"

    @property
    def goals(self) -> Path:
        """The user's goals: next to the data folder, because a person writes them."""
        return self.data_dir.parent / "goals.toml"

    @property
    def rules(self) -> Path:
        """The user's rules about activities: next to the data folder, because a person writes them."""
        return self.data_dir.parent / "rules.toml"

    @property
    def of_api(self) -> list[Path]:
        """Data from Strava's API as received, and data that waits for it."""
        came = [self.listings, self.details, self.streams, self.athlete, self.gear, self.webhooks, self.inbox_webhooks]
        noted = [
            self.state / "webhooks.json",
            self.state / "revoked.json",
            self.shape_of(STRAVA),
            self.expiry_announced,
        ]
        return [*came, *noted]

    def shape_of(self, source: str) -> Path:
        """The shape that a source's lists have had so far."""
        return self.state / "shapes" / f"{source}.json"

    @property
    def derived(self) -> list[Path]:
        """The data that a rebuild makes again from bronze and decisions, and what numbers were before."""
        made = [self.data_dir / "warehouse", self.shards, self.tracks, self.cut_tracks, self.insights]
        return [*made, self.contributions]

    def insights_of(self, year: int) -> Path:
        return self.insights / str(year)

    def shards_of(self, year: int) -> Path:
        return self.shards / f"year={year}"

    def years_of_shards(self) -> list[int]:
        """The years with shards, ascending."""
        return sorted(int(path.name.removeprefix("year=")) for path in self.shards.glob("year=[0-9][0-9][0-9][0-9]"))

    def tracks_of(self, year: int) -> Path:
        return self.tracks / f"year={year}"

    def cut_tracks_of(self, year: int) -> Path:
        return self.cut_tracks / f"year={year}"

    def details_of(self, year: int) -> Path:
        return self.details / f"year={year}"

    def streams_of(self, year: int) -> Path:
        return self.streams / f"year={year}"


@cache  # so that the warning comes once
def _may_be_of_a_provider(folder: Path) -> bool:
    """Whether a folder among those of the providers has a name that a provider can have."""
    if folder.name.isidentifier() and folder.name not in SOURCES:
        return True
    log.warning("%s is no provider's folder and is passed over. Move it out of %s.", folder, folder.parent)
    return False
