"""The menu: five pages, and a button that opens the list of all others. A page is one line here.

On a phone the button opens the five as well. The list is a <details>, which needs no script.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from strava_pipeline.serve.dashboard.routes import DAGSTER
from strava_pipeline.serve.dashboard.site import Site


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the menu.

    `above`: the first parts of the paths of pages that stand below it; `is_shown`: whether the menu has it at all.
    """

    address: str
    name: str
    above: tuple[str, ...] = ()
    is_shown: Callable[[Site], bool] = lambda site: True

    def holds(self, path: str) -> bool:
        """Whether the page at `path` is this one, or stands below it."""
        if self.address == path or path.split("/")[1] in self.above:
            return True
        return self.address != "/" and path.startswith(f"{self.address}/")


FIRST = (
    Entry("/", "Overview"),
    Entry("/activities", "Activities"),
    Entry("/calendar", "Calendar"),
    Entry("/map", "Map"),
    Entry("/fitness", "Fitness"),
)
MORE: Mapping[str, tuple[Entry, ...]] = {
    "Your activities": (
        Entry("/year", "Year"),
        Entry("/records", "Records"),
        Entry("/segments", "Segments"),
        Entry("/routes", "Routes"),
        Entry("/tiles", "Tiles"),
        Entry("/gear", "Gear"),
        Entry("/widgets", "Widgets"),
        Entry("/trips", "Trips", is_shown=lambda site: site.has_trips),
    ),
    "Your data": (
        Entry("/sync", "Sync", above=("month",)),
        Entry("/providers", "Services", above=("backfill",)),
        Entry("/requests", "Requests"),
        Entry("/maps", "Regions of the map"),
        Entry("/notifications", "Notifications"),
        Entry("/settings", "Settings"),
        Entry(f"{DAGSTER}/", "Dagster", is_shown=lambda site: site.has_dagster),
    ),
}
"""The other pages by group."""


def menu(site: Site) -> tuple[Sequence[Entry], Mapping[str, Sequence[Entry]]]:
    """The first pages, and the others by group, without those that would show nothing."""
    return FIRST, {group: [each for each in pages if each.is_shown(site)] for group, pages in MORE.items()}
