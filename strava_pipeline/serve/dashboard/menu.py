"""The menu: five pages, and a button that opens the list of all others. A page is one line here.

On a phone the button opens the five as well. The list is a <details>, which needs no script.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strava_pipeline.serve.dashboard.routes import ADMIN, DAGSTER
from strava_pipeline.serve.dashboard.site import Site

if TYPE_CHECKING:
    from strava_pipeline.serve.dashboard.records.store import Account


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the menu.

    `above`: the first parts of the paths of its subpages; `is_shown`: whether the menu has it at all.
    """

    address: str
    name: str
    above: tuple[str, ...] = ()
    is_shown: Callable[[Site, "Account | None"], bool] = lambda site, account: True

    def holds(self, path: str) -> bool:
        """Whether the page at `path` is this one, or a subpage."""
        if self.address == path or path.split("/")[1] in self.above:
            return True
        return self.address != "/" and path.startswith(f"{self.address}/")


def _holds(part: str) -> Callable[[Site, "Account | None"], bool]:
    return lambda site, account: part in site.holds


FIRST = (
    Entry("/", "Overview"),
    Entry("/activities", "Activities"),
    Entry("/calendar", "Calendar"),
    Entry("/map", "Map", above=("maps",)),
    Entry("/fitness", "Fitness"),
)
MORE: Mapping[str, tuple[Entry, ...]] = {
    "Your activities": (
        Entry("/year", "Year"),
        Entry("/records", "Records"),
        Entry("/segments", "Segments", is_shown=_holds("segments")),
        Entry("/routes", "Routes"),
        Entry("/tiles", "Tiles"),
        Entry("/gear", "Gear", is_shown=_holds("gear")),
        Entry("/devices", "Devices", is_shown=_holds("devices")),
        Entry("/body", "Body"),
        Entry("/widgets", "Widgets"),
        Entry("/trips", "Trips", is_shown=_holds("trips")),
        Entry("/why", "Why this number?"),
    ),
    "Your data": (
        Entry("/pairs", "Pairs that may be one", is_shown=_holds("pairs")),
        Entry("/sync", "Sync", above=("month",), is_shown=_holds("sync")),
        Entry("/providers", "Services", above=("backfill", "requests")),
        Entry("/notifications", "Notifications"),
        Entry("/settings", "Settings"),
        Entry(f"{DAGSTER}/", "Dagster", is_shown=lambda site, account: site.has_dagster and account is None),
    ),
}
"""The other pages by group."""
HOUSE: Mapping[str, tuple[Entry, ...]] = {
    "This dashboard": (
        Entry("/account", "Your account"),
        Entry(ADMIN, "Accounts and athletes", is_shown=lambda site, account: _is_admin(account)),
        Entry(f"{DAGSTER}/", "Dagster", is_shown=lambda site, account: site.has_dagster and _is_admin(account)),
    ),
}
"""Additional pages if there are accounts; the only ones if an account has no athlete."""


def menu(site: Site, account: "Account | None") -> tuple[Sequence[Entry], Mapping[str, Sequence[Entry]]]:
    """The first pages, and the others by group, without empty ones."""
    more = {**(MORE if site.has_data else {}), **({} if account is None else HOUSE)}
    shown = {group: [each for each in pages if each.is_shown(site, account)] for group, pages in more.items()}
    return FIRST if site.has_data else (), shown


def _is_admin(account: "Account | None") -> bool:
    return account is not None and account.is_admin
