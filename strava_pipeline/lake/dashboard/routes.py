"""Routes as the dashboard shows them: which were taken most, and what was done on one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strava_pipeline.lake.dashboard.rows import Cursor, Values, rows_of
from strava_pipeline.lake.gold.warehouse import Connection

MOST_VARIANTS = 20


@dataclass(frozen=True, slots=True)
class RoutePage:
    """Routes by id, the most taken first; `next`: where the next page begins, None after the last one."""

    routes: Mapping[int, Values]
    next: Cursor | None


def route_page(
    connection: Connection, athlete_id: int, *, sport_group: str | None = None, limit: int, after: Cursor | None = None
) -> RoutePage:
    """A page of the routes that were taken twice or more: the columns of `routes`, and `place`, where the first one began."""
    asked = {
        "athlete_id": athlete_id,
        "sport_group": sport_group,
        "most": limit + 1,
        "activities": after.place if after else None,
        "id": after.id if after else None,
    }
    rows = rows_of(connection, "routes_page", asked)
    rest = Cursor(rows[limit - 1]["activities"], rows[limit - 1]["route_id"]) if len(rows) > limit else None
    return RoutePage({row["route_id"]: row for row in rows[:limit]}, rest)


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
    """The route that an activity is on; None: it is on none, or there is no such activity."""
    rows = rows_of(connection, "route", {"athlete_id": athlete_id, "id": activity_id})
    if not rows:
        return None
    variants = rows_of(connection, "route_variants", {"id": rows[0]["route_id"], "most": MOST_VARIANTS})
    return Route(rows[0], {row["route_id"]: row for row in variants})


@dataclass(frozen=True, slots=True)
class RouteActivities:
    """Activities on a route by id, the newest first; `next`: where the next page begins, None after the last one."""

    activities: Mapping[int, Values]
    next: Cursor | None

    @property
    def dated(self) -> Sequence[Values]:
        """Those with a day, the newest first."""
        return [row for row in self.activities.values() if row["on_day"] is not None]


def route_activities(
    connection: Connection, route_id: int, *, limit: int, after: Cursor | None = None
) -> RouteActivities:
    """What was done on a route: times (s), `length_m` of the way, `average_speed` (m/s), `metres_per_beat`, `direction`."""
    asked = {
        "id": route_id,
        "most": limit + 1,
        "moment": after.place if after else None,
        "activity": after.id if after else None,
    }
    rows = rows_of(connection, "route_activities", asked)
    last = rows[limit - 1] if len(rows) > limit else None
    rest = Cursor(last["moment"], last["activity_id"]) if last else None
    return RouteActivities({row["activity_id"]: row for row in rows[:limit]}, rest)
