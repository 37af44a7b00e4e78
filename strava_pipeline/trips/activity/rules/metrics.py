"""The metrics of trips, on which every verdict is based: all trips of a batch in one frame, a row per trip.

Points and segments are track.py's, the meaning of a number for a trip verdict.py's. A metric is null if its inputs are
missing, or if no float holds it. The mix of activities is here too: shares need not add up to 1, because a phone may
see several activities at once, and a point may have none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from strava_pipeline.core.geodesy import column_distance_m
from strava_pipeline.core.json_values import clean_text, finite_number, parse_instant
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.thresholds import Thresholds
from strava_pipeline.trips.activity.rules.track import KMH, points_frame, segments, usable_points, used_points
from strava_pipeline.trips.activity.tables import METRICS

MIX = pl.List(pl.Struct({"activity": pl.String, "share": pl.Float64}))


def mixes(bundles: Sequence[Bundle], used: pl.DataFrame) -> pl.DataFrame:
    """The columns trip, activity_mix and activity_source (`stored` or `points`), a row per trip that has a mix.

    In a stored mix only numbers count; a mix without any counts as not stored.
    """
    held = [_stored(bundle.activity_distribution) for bundle in bundles]
    stored = [(trip, name, share, "stored") for trip, mix in enumerate(held) for name, share in mix.items()]
    rows = stored + _of_points(used, [trip for trip, mix in enumerate(held) if not mix])
    schema = {"trip": pl.UInt32, "activity": pl.String, "share": pl.Float64, "activity_source": pl.String}
    shares = pl.DataFrame(rows, schema=schema, orient="row")
    return shares.group_by("trip", maintain_order=True).agg(
        activity_mix=pl.struct("activity", "share"), activity_source=pl.col("activity_source").first()
    )


def _stored(distribution: Mapping[str, Any] | None) -> dict[str, float]:
    shares = {clean_text(name): finite_number(share) for name, share in (distribution or {}).items()}
    return {name: share for name, share in shares.items() if share is not None}


def _of_points(used: pl.DataFrame, trips: Sequence[int]) -> list[tuple[int, str, float, str]]:
    wanted = used.select("trip", "activity").filter(pl.col("trip").is_in(pl.Series(trips, dtype=pl.UInt32).implode()))
    counted = wanted.group_by("trip", "activity").len().with_columns(of=pl.col("len").sum().over("trip"))
    named = counted.filter(pl.col("activity").is_not_null()).sort("trip", "activity")
    return named.select("trip", "activity", pl.col("len") / pl.col("of"), source=pl.lit("points")).rows()


_ZERO_WITHOUT_POINTS = frozenset(
    {"points_raw", "points_usable", "points_used", "unsorted_timestamps", "segments", "haversine_m", "haversine_raw_m"}
    | {"moving_s", "teleports", "gaps", "gap_total_s"}
)

SCHEMA = {column.name: MIX if column.name == "activity_mix" else column.kind.polars for column in METRICS}
"""The metrics in their order: s, m, km/h by their names, shares from 0 to 1, counts."""


def metrics_rows(
    bundles: Sequence[Bundle], thresholds: Thresholds, routes: Mapping[str, float | None] | None = None
) -> list[dict[str, Any]]:
    """The metrics as plain values, a dict per bundle, in their order: None for null, activity_mix share by activity.

    `routes`: metres by a router, by external id.
    """
    points = points_frame(bundles)
    usable = usable_points(points)
    used = used_points(usable)
    trips = _reported(bundles, routes or {})
    for part in (_counts(points, usable, used), _sums(segments(used, thresholds), thresholds), mixes(bundles, used)):
        trips = trips.join(part, on="trip", how="left", maintain_order="left")
    rows = (
        _derived(trips, thresholds)
        .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        .with_columns(pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64)))
        .to_dicts()
    )
    for row in rows:
        row["activity_mix"] = {entry["activity"]: entry["share"] for entry in row["activity_mix"] or ()}
    return rows


def metrics_of(bundle: Bundle, thresholds: Thresholds) -> dict[str, Any]:
    """The metrics of one trip as plain values."""
    return metrics_rows([bundle], thresholds)[0]


def _reported(bundles: Sequence[Bundle], routes: Mapping[str, float | None]) -> pl.DataFrame:
    """The source's own values of each trip, and the router's length."""
    reported = [
        (
            trip,
            finite_number(bundle.summary.duration_seconds),
            finite_number(bundle.summary.distance_meters),
            finite_number(bundle.summary.location_count),
            parse_instant(bundle.summary.start_time),
            parse_instant(bundle.summary.end_time),
            routes.get(bundle.external_id),
        )
        for trip, bundle in enumerate(bundles)
    ]
    names = ["duration_reported_s", "distance_reported_m", "location_count", "start", "end", "distance_route_m"]
    return pl.DataFrame(reported, schema={"trip": pl.UInt32, **dict.fromkeys(names, pl.Float64)}, orient="row")


def _counts(points: pl.DataFrame, usable: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    raw = points.group_by("trip").agg(points_raw=pl.len())
    left = usable.group_by("trip").agg(points_usable=pl.len(), unsorted_timestamps=pl.col("backwards").sum())
    kept = used.group_by("trip").agg(points_used=pl.len())
    return raw.join(left, on="trip", how="left").join(kept, on="trip", how="left")


def _sums(joined: pl.DataFrame, thresholds: Thresholds) -> pl.DataFrame:
    """Sums, counts and percentiles over the points and segments of each trip; null without any."""
    good, teleport, gap, moving = (pl.col(name) for name in ("good", "teleport", "gap", "moving"))
    dt, d, accuracy = pl.col("dt"), pl.col("d"), pl.col("accuracy")
    device, displacement = pl.col("device_kmh"), pl.col("displacement_kmh")
    return (
        joined.with_columns(
            device_kmh=pl.when(pl.col("speed") >= 0, (pl.col("speed") * KMH).is_finite()).then(pl.col("speed") * KMH),
            displacement_kmh=pl.when(good).then(pl.col("v") * KMH),
        )
        .group_by("trip", maintain_order=True)
        .agg(
            pl.col("at", "latitude", "longitude").first().name.suffix("_first"),
            pl.col("at", "latitude", "longitude").last().name.suffix("_last"),
            segments=d.count(),
            haversine_m=_sum(d, ~teleport),
            haversine_raw_m=_sum(d, d.is_not_null()),
            moving_s=_sum(dt, moving),
            moving_m=_sum(d, moving),
            standing_s=_sum(dt, good & ~moving),
            good_s=_sum(dt, good),
            teleports=teleport.sum(),
            gaps=gap.sum(),
            gap_total_s=_sum(dt, gap),
            gap_max_s=dt.max(),
            device_speeds=device.count(),
            accuracies=accuracy.count(),
            poor=(accuracy > thresholds["poor_accuracy_m"]).sum(),
            **_percentiles("speed_device_{}_kmh", device, 0.5, 0.85, 0.95),
            **_percentiles("speed_displacement_{}_kmh", displacement, 0.5, 0.85, 0.95),
            **_percentiles("accuracy_{}_m", accuracy, 0.5, 0.95),
            **_percentiles("jitter_{}_m", pl.col("jitter"), 0.5, 0.95),
            speed_device_max_kmh=device.max(),
            speed_displacement_max_kmh=displacement.max(),
        )
    )


def _sum(of: pl.Expr, where: pl.Expr) -> pl.Expr:
    """A sum in order: Polars' own sum depends on the rest of the batch, in the last digits."""
    return pl.when(where).then(of).otherwise(0.0).cum_sum().last()


def _percentiles(name: str, of: pl.Expr, *shares: float) -> dict[str, pl.Expr]:
    return {name.format(f"p{share * 100:.0f}"): of.quantile(share, interpolation="linear") for share in shares}


def _derived(trips: pl.DataFrame, thresholds: Thresholds) -> pl.DataFrame:
    """Values from a trip's own row: zeros without points, differences, ratios."""
    zeros = [name for name in trips.columns if name in _ZERO_WITHOUT_POINTS]
    trips = trips.with_columns(pl.col(zeros).fill_null(0)).with_columns(
        points_invalid=pl.col("points_raw") - pl.col("points_usable"),
        duplicate_timestamps=pl.col("points_usable") - pl.col("points_used"),
        duration_s=(pl.col("at_last") - pl.col("at_first")).fill_null(0.0),
        net_displacement_m=pl.when(pl.col("points_used") > 1).then(
            column_distance_m(
                *(pl.col(name) for name in ("latitude_first", "longitude_first", "latitude_last", "longitude_last"))
            )
        ),
        device_speed_share=_ratio("device_speeds", "points_used"),
    )
    trips = trips.with_columns(
        distance_mismatch=(pl.col("distance_reported_m") - pl.col("haversine_m")).abs(),
        speed_source=pl.when(pl.col("device_speed_share") >= thresholds["min_device_speed_share"])
        .then(pl.lit("device"))
        .otherwise(pl.lit("displacement")),
    )
    from_device = pl.col("speed_source") == "device"
    return trips.with_columns(
        distance_mismatch=_ratio("distance_mismatch", "haversine_m"),
        route_ratio=_ratio("haversine_m", "distance_route_m"),
        straightness=_share("net_displacement_m", "haversine_m"),
        avg_speed_kmh=_ratio("haversine_m", "duration_s") * KMH,
        moving_avg_speed_kmh=_ratio("moving_m", "moving_s") * KMH,
        stationary_share=_ratio("standing_s", "good_s"),
        teleport_share=_ratio("teleports", "segments"),
        gap_share=_share("gap_total_s", "duration_s"),
        accuracy_poor_share=_ratio("poor", "accuracies"),
        speed_p95_kmh=pl.when(from_device).then("speed_device_p95_kmh").otherwise("speed_displacement_p95_kmh"),
        clip_start_s=(pl.col("at_first") - pl.col("start")).clip(lower_bound=0.0),
        clip_end_s=(pl.col("end") - pl.col("at_last")).clip(lower_bound=0.0),
        activity_mix=pl.col("activity_mix").fill_null([]),
        location_count_mismatch=(pl.col("location_count") != pl.col("points_raw")).fill_null(value=False),
    )


def _ratio(numerator: str, denominator: str) -> pl.Expr:
    return pl.when(pl.col(denominator) > 0).then(pl.col(numerator) / pl.col(denominator))


def _share(numerator: str, denominator: str) -> pl.Expr:
    """A ratio from 0 to 1; null if it is more, for then the numerator isn't part of the denominator (jumps are left out
    of the length).
    """
    ratio = _ratio(numerator, denominator)
    return pl.when(ratio.round(6) <= 1).then(ratio.clip(upper_bound=1.0))  # beyond 6 decimals: rounding of sums
