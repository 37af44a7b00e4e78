"""The metrics of one trip, point by point in plain Python: the definition that the vectorised frame must equal.

Written from the definition of each metric, not from the frame's code; slow and meant to be read.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline_tests.core.spheres import haversine


class Point(NamedTuple):
    latitude: float
    longitude: float
    at: float
    accuracy: float | None
    speed: float | None
    activity: str | None


def number(value: Any) -> float | None:
    if type(value) not in (int, float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def instant(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() if "-" in value else None
    if number(value) is None:
        return None
    return value / 1000 if abs(value) > 1e11 else float(value)


def percentile(values: Sequence[float], q: float) -> float | None:
    if not values:
        return None
    ordered, index = sorted(values), (len(values) - 1) * q
    below = math.floor(index)
    above = min(below + 1, len(values) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (index - below)


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    if numerator is None or denominator is None or not denominator > 0:
        return None
    return numerator / denominator if math.isfinite(numerator / denominator) else None


def part(numerator: float | None, denominator: float | None) -> float | None:
    """A ratio from 0 to 1; none where it is more."""
    found = ratio(numerator, denominator)
    return None if found is None or round(found, 6) > 1 else min(found, 1.0)


def prepared(locations: list[Any]) -> tuple[list[Point], int, int, int]:
    """The used points; how many were invalid, backwards, duplicates."""
    valid = []
    for entry in locations:
        told = entry if isinstance(entry, dict) else {}
        latitude, longitude, at = (
            number(told.get("latitude")),
            number(told.get("longitude")),
            instant(told.get("timestamp")),
        )
        accuracy, activity = number(told.get("horizontal_accuracy")), told.get("activity")
        if latitude is None or longitude is None or at is None or abs(latitude) > 90 or abs(longitude) > 180:
            continue
        if accuracy is not None and accuracy < 0:
            continue
        said = activity if isinstance(activity, str) and activity else None
        valid.append(Point(latitude, longitude, at, accuracy, number(told.get("speed")), said))
    backwards = sum(later.at < earlier.at for earlier, later in pairwise(valid))
    best: dict[float, Point] = {}
    for point in valid:
        kept = best.get(point.at)
        if kept is None or inaccuracy(point) < inaccuracy(kept):
            best[point.at] = point
    used = [best[at] for at in sorted(best)]
    return used, len(locations) - len(valid), backwards, len(valid) - len(used)


def inaccuracy(point: Point) -> float:
    return math.inf if point.accuracy is None else point.accuracy


def scalar_metrics(bundle: Bundle, limits: Mapping[str, float], route_m: float | None = None) -> dict[str, Any]:
    used, invalid, backwards, duplicates = prepared(bundle.locations)
    summary = bundle.summary
    pairs = list(pairwise(used))
    dts = [later.at - earlier.at for earlier, later in pairs]
    ds = [haversine(earlier[:2], later[:2]) for earlier, later in pairs]
    vs = [d / dt for d, dt in zip(ds, dts, strict=True)]
    teleport = [v > limits["teleport_speed_ms"] for v in vs]
    gap = [dt > limits["gap_s"] for dt in dts]
    good = [not (t or g) for t, g in zip(teleport, gap, strict=True)]
    moving = [ok and v >= limits["stationary_speed_ms"] for ok, v in zip(good, vs, strict=True)]

    def total(values: list[float], where: list[bool]) -> float:
        return sum((value for value, counts in zip(values, where, strict=True) if counts), 0.0)

    def kmh(value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value * 3.6) else value * 3.6

    device = [point.speed * 3.6 for point in used if point.speed is not None and 0 <= point.speed * 3.6 < math.inf]
    displacement = [v * 3.6 for v, ok in zip(vs, good, strict=True) if ok]
    accuracies = [point.accuracy for point in used if point.accuracy is not None]
    jitter = [off_the_line(*used[i - 1 : i + 2]) for i in range(1, len(used) - 1) if good[i - 1] and good[i]]
    duration = used[-1].at - used[0].at if len(used) > 1 else 0.0
    track, standing = total(ds, [not t for t in teleport]), [ok and not m for ok, m in zip(good, moving, strict=True)]
    net = haversine(used[0][:2], used[-1][:2]) if len(used) > 1 else None
    reported, share = number(summary.distance_meters), ratio(len(device), len(used))
    start, end = instant(summary.start_time), instant(summary.end_time)
    source = "device" if share is not None and share >= limits["min_device_speed_share"] else "displacement"
    found: dict[str, Any] = {
        "points_raw": len(bundle.locations),
        "points_invalid": invalid,
        "points_used": len(used),
        "unsorted_timestamps": backwards,
        "duplicate_timestamps": duplicates,
        "duration_s": duration,
        "duration_reported_s": number(summary.duration_seconds),
        "haversine_m": track,
        "haversine_raw_m": total(ds, [True] * len(ds)),
        "distance_reported_m": reported,
        "distance_mismatch": None if reported is None else ratio(abs(reported - track), track),
        "distance_route_m": route_m,
        "route_ratio": ratio(track, route_m),
        "net_displacement_m": net,
        "straightness": part(net, track),
        "avg_speed_kmh": kmh(ratio(track, duration)),
        "moving_s": total(dts, moving),
        "moving_avg_speed_kmh": kmh(ratio(total(ds, moving), total(dts, moving))),
        "stationary_share": ratio(total(dts, standing), total(dts, good)),
        "teleports": sum(teleport),
        "teleport_share": ratio(sum(teleport), len(pairs)),
        "gaps": sum(gap),
        "gap_total_s": total(dts, gap),
        "gap_max_s": max(dts, default=None),
        "gap_share": part(total(dts, gap), duration),
        "device_speed_share": share,
        "speed_source": source,
        "speed_p95_kmh": percentile(device if source == "device" else displacement, 0.95),
        "accuracy_p50_m": percentile(accuracies, 0.5),
        "accuracy_p95_m": percentile(accuracies, 0.95),
        "accuracy_poor_share": ratio(sum(a > limits["poor_accuracy_m"] for a in accuracies), len(accuracies)),
        "jitter_p50_m": percentile(jitter, 0.5),
        "jitter_p95_m": percentile(jitter, 0.95),
        "clip_start_s": max(0.0, used[0].at - start) if used and start is not None else None,
        "clip_end_s": max(0.0, end - used[-1].at) if used and end is not None else None,
        "location_count_mismatch": number(summary.location_count) not in (None, len(bundle.locations)),
    }
    for name, speeds in (("device", device), ("displacement", displacement)):
        found |= {f"speed_{name}_p{q}_kmh": percentile(speeds, q / 100) for q in (50, 85, 95)}
        found[f"speed_{name}_max_kmh"] = max(speeds, default=None)
    return found | mix(bundle, used)


def off_the_line(before: Point, point: Point, after: Point) -> float:
    share = (point.at - before.at) / (after.at - before.at)
    east = after.longitude - before.longitude
    if abs(east) > 180:
        east -= math.copysign(360, east)
    between = (before.latitude + share * (after.latitude - before.latitude), before.longitude + share * east)
    return haversine(point[:2], between)


def mix(bundle: Bundle, used: list[Point]) -> dict[str, Any]:
    stored = {name: number(share) for name, share in (bundle.activity_distribution or {}).items()}
    stored = {name: share for name, share in stored.items() if share is not None}
    if stored:
        return {"activity_mix": stored, "activity_source": "stored"}
    told = [point.activity for point in used if point.activity]
    shares = {activity: told.count(activity) / len(used) for activity in sorted(set(told))}
    return {"activity_mix": shares, "activity_source": "points" if shares else None}
