"""The tables of activity trips, as their source holds them, measured and judged.

No position, no device's detail and no free text has a column (metrics: rules/metrics.py).
"""

from collections.abc import Iterator

from strava_pipeline.core.tables.activities import SOURCE
from strava_pipeline.core.tables.model import Column, Kind, Table

_TRIP = (
    Column("external_id", Kind.TEXT, "the trip's external id", key=True),
    Column("athlete_id", Kind.BIGINT, "the athlete; NULL: the trip source doesn't tell"),
    SOURCE,
    Column("year", Kind.INTEGER, "partition: the year in UTC of its start, else of its creation"),
)
_KEPT = (
    Column("deleted_at", Kind.INSTANT, "when the trip source was first found without it; NULL: it is there"),
    Column("fetched_at", Kind.INSTANT, "when this row last changed"),
)

TRIP_INDEX = Table(
    "trip_index",
    "Activity trips with the plain columns of their source.",
    (
        *_TRIP,
        Column("trip_id", Kind.TEXT, "the trip's id at the source"),
        Column("platform", Kind.TEXT, "ios, android …"),
        Column("status", Kind.TEXT, "the verdict that is stored"),
        Column("review_status", Kind.TEXT, "what a reviewer decided"),
        Column("rejection_reason", Kind.TEXT, "the reason that is stored with a rejection"),
        Column("distance_m", Kind.DOUBLE, "distance that the phone reported", "m", low=0, high=2_000_000),
        Column("started_at", Kind.INSTANT, "start that the phone reported"),
        Column("ended_at", Kind.INSTANT, "end that the phone reported"),
        Column("duration_s", Kind.DOUBLE, "duration that the phone reported", "s", low=0, high=7 * 86_400),
        Column("location_count", Kind.BIGINT, "points that the phone reported", low=0),
        Column("activity_type", Kind.TEXT, "cycling …"),
        Column("algorithm_version", Kind.TEXT, "the algorithm on the phone"),
        Column("recording_trigger", Kind.TEXT, "what began the recording"),
        Column("created_at", Kind.INSTANT, "when the source stored it"),
        *_KEPT,
    ),
    group="trips",
)


def _speeds() -> Iterator[Column]:
    for of, meaning in (("device", "speed that the phone measured"), ("displacement", "speed between good points")):
        for at in ("p50", "p85", "p95", "max"):
            yield Column(f"speed_{of}_{at}_kmh", Kind.DOUBLE, f"{at} of the {meaning}", "km/h", low=0)


METRICS = (
    Column("points_raw", Kind.BIGINT, "points that were recorded"),
    Column("points_invalid", Kind.BIGINT, "of these: without position, time or believable accuracy"),
    Column("points_used", Kind.BIGINT, "points after invalid and duplicate ones"),
    Column("unsorted_timestamps", Kind.BIGINT, "steps backwards in time between neighbours"),
    Column("duplicate_timestamps", Kind.BIGINT, "points at the time of another"),
    Column("duration_s", Kind.DOUBLE, "last point minus first", "s"),
    Column("duration_reported_s", Kind.DOUBLE, "duration that the phone reported", "s"),
    Column("haversine_m", Kind.DOUBLE, "length of the track without teleports", "m"),
    Column("haversine_raw_m", Kind.DOUBLE, "length of the track", "m"),
    Column("distance_reported_m", Kind.DOUBLE, "distance that the phone reported", "m"),
    Column("distance_mismatch", Kind.DOUBLE, "reported against measured, as a share of the measured"),
    Column("distance_route_m", Kind.DOUBLE, "length of the route that a router finds; NULL: none was asked", "m"),
    Column("route_ratio", Kind.DOUBLE, "measured length by the route's"),
    Column("net_displacement_m", Kind.DOUBLE, "from the first point to the last", "m"),
    Column(
        "straightness",
        Kind.DOUBLE,
        "net displacement by length, from 0 to 1; NULL where jumps, which the length leaves out, make it more",
    ),
    Column("avg_speed_kmh", Kind.DOUBLE, "length by duration", "km/h"),
    Column("moving_s", Kind.DOUBLE, "time in movement", "s"),
    Column("moving_avg_speed_kmh", Kind.DOUBLE, "speed in movement", "km/h"),
    Column("stationary_share", Kind.DOUBLE, "share of the recorded time without movement"),
    Column("teleports", Kind.BIGINT, "segments faster than anything that rides"),
    Column("teleport_share", Kind.DOUBLE, "share of the segments that are teleports"),
    Column("gaps", Kind.BIGINT, "segments longer than a gap"),
    Column("gap_total_s", Kind.DOUBLE, "time in gaps", "s"),
    Column("gap_max_s", Kind.DOUBLE, "the longest segment", "s"),
    Column("gap_share", Kind.DOUBLE, "share of the duration in gaps"),
    *_speeds(),
    Column("device_speed_share", Kind.DOUBLE, "share of the points with a valid speed of the phone's"),
    Column("speed_source", Kind.TEXT, "device or displacement: which speed the verdict goes by"),
    Column("speed_p95_kmh", Kind.DOUBLE, "p95 of that speed", "km/h"),
    Column("accuracy_p50_m", Kind.DOUBLE, "p50 of the horizontal accuracy", "m"),
    Column("accuracy_p95_m", Kind.DOUBLE, "p95 of the horizontal accuracy", "m"),
    Column("accuracy_poor_share", Kind.DOUBLE, "share of the accuracies that are poor"),
    Column("jitter_p50_m", Kind.DOUBLE, "p50 of the distance to the line between both neighbours", "m"),
    Column("jitter_p95_m", Kind.DOUBLE, "p95 of the distance to the line between both neighbours", "m"),
    Column("activity_mix", Kind.JSON, "share by activity"),
    Column("activity_source", Kind.TEXT, "stored or points: where the mix comes from"),
    Column("clip_start_s", Kind.DOUBLE, "reported start to first point", "s"),
    Column("clip_end_s", Kind.DOUBLE, "last point to reported end", "s"),
    Column("location_count_mismatch", Kind.BOOLEAN, "the phone reported another number of points"),
)

TRIP_DIAGNOSTICS = Table(
    "trip_diagnostics",
    "Activity trips measured and judged: metrics, verdict, reasons, and what would flip it. No tracks.",
    (
        *_TRIP,
        Column("locations_state", Kind.TEXT, "what reading the locations came to"),
        Column("activity_distribution_state", Kind.TEXT, "what reading the activity distribution came to"),
        Column("feedback_state", Kind.TEXT, "what reading the feedback came to"),
        Column("key_index", Kind.INTEGER, "which key opened the locations, 0 the newest; NULL: none did"),
        *METRICS,
        Column("thresholds_version", Kind.TEXT, "the thresholds that it was judged by"),
        Column("verdict", Kind.TEXT, "accepted, needs_review, rejected or unknown"),
        Column("primary_reason", Kind.TEXT, "the first of the reasons"),
        Column("reasons", Kind.TEXTS, "codes of the rules that hit, in their order"),
        Column("nearest_flip", Kind.JSON, "the smallest change that would turn the verdict"),
        Column("label", Kind.TEXT, "ride or not_ride, as a person said; NULL: nobody did"),
        Column("label_source", Kind.TEXT, "review or feedback"),
        Column("outcome_vs_stored", Kind.TEXT, "better, same, worse than the stored verdict, or changed"),
        Column("has_diagnostic", Kind.BOOLEAN, "the phone sent logs with the feedback"),
        Column("comments", Kind.TEXTS, "codes of the feedback's comments, in its order"),
        *_KEPT,
    ),
    group="trips",
)

TRIP_REPLAY = Table(
    "trip_replay",
    "Each version of the algorithms over all trips: how many verdicts changed, and for better or worse.",
    (
        Column("algorithm", Kind.TEXT, "the algorithm and its version", key=True),
        Column("athlete_id", Kind.BIGINT, "always NULL: the trips of all"),
        SOURCE,
        Column("thresholds_version", Kind.TEXT, "the thresholds"),
        Column("input_hash", Kind.TEXT, "hash of the trips that went in"),
        Column("trips", Kind.BIGINT, "trips"),
        Column("labelled", Kind.BIGINT, "of these: with a label"),
        Column("better", Kind.BIGINT, "labelled, and nearer to the label than the stored verdict"),
        Column("same", Kind.BIGINT, "as near, or without a label and with the stored verdict"),
        Column("worse", Kind.BIGINT, "labelled, and farther from the label"),
        Column("changed", Kind.BIGINT, "without a label, and with another verdict"),
        Column("rides_accepted", Kind.BIGINT, "true positives"),
        Column("rides_rejected", Kind.BIGINT, "false negatives"),
        Column("others_accepted", Kind.BIGINT, "false positives"),
        Column("others_rejected", Kind.BIGINT, "true negatives"),
        Column("rides_in_review", Kind.BIGINT, "rides that were neither"),
        Column("others_in_review", Kind.BIGINT, "other trips that were neither"),
        Column("precision", Kind.DOUBLE, "rides among the accepted", low=0, high=1),
        Column("recall", Kind.DOUBLE, "accepted among the rides", low=0, high=1),
        Column("f1", Kind.DOUBLE, "harmonic mean of both", low=0, high=1),
        Column("fetched_at", Kind.INSTANT, "when this row last changed"),
    ),
    group="trips",
)

TABLES = (TRIP_INDEX, TRIP_DIAGNOSTICS, TRIP_REPLAY)
