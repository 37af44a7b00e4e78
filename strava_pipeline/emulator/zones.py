"""Zones: the athlete's, by heart rate and power, and how long an activity was in each. From its recordings."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from strava_pipeline.emulator.wire import Json

HEARTRATES = (0, 115, 143, 157, 171)  # lower edges, in bpm
POWER_SHARES = (0, 0.55, 0.75, 0.9, 1.05, 1.2, 1.5)  # of the FTP: Coggan's levels


def athlete_zones(ftp: int) -> Json:
    """Zones: by heart rate, and by power, made from the FTP."""
    return {
        "heart_rate": {"custom_zones": False, "zones": _ranges(HEARTRATES)},
        "power": {"zones": _ranges(_watts(ftp))},
    }


def activity_zones(recorded: Mapping[str, Sequence[Any]], ftp: int) -> list[Json]:
    """ActivityZone objects: the seconds in each zone of what was measured; none where nothing was."""
    measured = (("heartrate", "heartrate", HEARTRATES), ("power", "watts", _watts(ftp)))
    return [
        {
            "distribution_buckets": _buckets(recorded["time"], recorded[key], edges),
            "type": kind,
            "resource_state": 3,
            "sensor_based": True,
        }
        | ({"score": None, "points": None, "custom_zones": False} if kind == "heartrate" else {})
        for kind, key, edges in measured
        if key in recorded
    ]


def _watts(ftp: int) -> list[int]:
    return [round(ftp * share) for share in POWER_SHARES]


def _buckets(times: Sequence[int], values: Sequence[float], edges: Sequence[int]) -> list[Json]:
    seconds = [0] * len(edges)
    for (begin, end), value in zip(pairwise(times), values, strict=False):
        seconds[bisect_right(edges, value) - 1] += end - begin
    return [{**zone, "time": held} for zone, held in zip(_ranges(edges), seconds, strict=True)]


def _ranges(edges: Sequence[int]) -> list[Json]:
    return [{"min": low, "max": high} for low, high in zip(edges, [*edges[1:], -1], strict=True)]
