"""Where a route has to lead for it to be comparable with a track: positions for a router, and for nobody else.

Which points count is track.py's. The route's length becomes a metric in metrics.py.
"""

from collections.abc import Sequence

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.points import points_frame
from strava_pipeline.core.trips.activity.track import usable_points, used_points
from strava_pipeline.core.trips.sampling import sampled

Position = tuple[float, float]
"""Longitude and latitude, in degrees."""


def waypoints(bundles: Sequence[Bundle]) -> dict[str, list[Position]]:
    """By external id the sampled track of each trip that has at least two points.

    Of two trips with one external id it is the first one's.
    """
    used = used_points(usable_points(points_frame(bundles)))
    found: dict[str, list[Position]] = {}
    for (trip,), points in used.sort("trip", maintain_order=True).group_by("trip", maintain_order=True):
        if points.height > 1:
            found.setdefault(bundles[trip].external_id, sampled(points.select("longitude", "latitude").rows()))
    return found
