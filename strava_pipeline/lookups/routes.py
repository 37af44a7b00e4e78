"""Routes for the dashboard: the most used ones, and the activities on one of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.rows import Cursor, Page, Values, rows_of, sorted_page

MOST_VARIANTS = 20


def route_page(
    connection: Connection, athlete_id: int, *, sport_group: str | None = None, limit: int, after: Cursor | None = None
) -> Page:
    """A page of the routes that were taken at least twice, the most taken first; `place`: where the first one began."""
    asked = {"athlete_id": athlete_id, "sport_group": sport_group}
    return sorted_page(connection, "routes_page", asked, ("activities", "route_id"), limit, after)


def route_groups(connection: Connection, athlete_id: int) -> list[str]:
    """The groups of sports with routes."""
    return [row["sport_group"] for row in rows_of(connection, "route_groups", {"athlete_id": athlete_id})]


@dataclass(frozen=True, slots=True)
class Route:
    """A route: its row of `routes` with `place`, and by id other routes that resemble it, each with its `resemblance`."""

    row: Values
    variants: Mapping[int, Values]

    @property
    def id(self) -> int:
        found: int = self.row["route_id"]
        return found


def find_route(connection: Connection, athlete_id: int, activity_id: int) -> Route | None:
    """The route of an activity, or None if it is on no route or doesn't exist."""
    rows = rows_of(connection, "route", {"athlete_id": athlete_id, "id": activity_id})
    if not rows:
        return None
    variants = rows_of(connection, "route_variants", {"id": rows[0]["route_id"], "most": MOST_VARIANTS})
    return Route(rows[0], {row["route_id"]: row for row in variants})


def route_activities(connection: Connection, route_id: int, *, limit: int, after: Cursor | None = None) -> Page:
    """A page of the activities on a route, the newest first, in metres, seconds and m/s."""
    return sorted_page(connection, "route_activities", {"id": route_id}, ("moment", "activity_id"), limit, after)
