"""The tables of trips: activity trips as their source holds them, measured and judged; and car trips.

Activity trips: no position, no device's detail and no free text has a column (metrics:
core/trips/activity/metrics.py). Car trips: the replay of pings and of what cars answered, with the column names of
the tracker's trip record; a position is two columns. Those positions are in the warehouse because they are the
user's own pings, as tracks are.
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

TRIP_TABLES = (TRIP_INDEX, TRIP_DIAGNOSTICS, TRIP_REPLAY)


def _of(whose: str) -> tuple[Column, ...]:
    return (
        Column("athlete_id", Kind.BIGINT, f"always NULL: users are identified by user_id, {whose}"),
        SOURCE,
        Column("user_id", Kind.TEXT, "the user, as cars.toml names them"),
    )


_YEAR = Column("year", Kind.INTEGER, "partition: the user's local year of the start")
_CAR = (
    Column("car_id", Kind.TEXT, "the car, as cars.toml names it; NULL: none was identified"),
    Column("car_name", Kind.TEXT, "its name then"),
)
_AT = Column("fetched_at", Kind.INSTANT, "when the event came that ended it")

CAR_TRIPS = Table(
    "car_trips",
    "Trips by car: start, end, distance, places, class.",
    (
        Column("trip_id", Kind.TEXT, "user_id:start_time, the time in UTC with milliseconds", key=True),
        *_of("who drove"),
        _YEAR,
        *_CAR,
        Column("start_time", Kind.INSTANT, "the ping that opened the trip"),
        Column("end_time", Kind.INSTANT, "first parked reading, else the end that was sent, else the last event"),
        Column("start_odo", Kind.DOUBLE, "odometer when the car was identified", "km", low=0, high=3_000_000),
        Column("end_odo", Kind.DOUBLE, "last odometer", "km", low=0, high=3_000_000),
        Column("distance_km", Kind.DOUBLE, "distance", "km", low=0, high=5_000),
        Column("distance_source", Kind.TEXT, "odometer, osrm (a route along the points) or haversine (points × 1.15)"),
        Column("gps_only", Kind.BOOLEAN, "the car's API had no part in it"),
        Column("start_lat", Kind.DOUBLE, "start: where the car was parked last, else the first point", "°"),
        Column("start_lng", Kind.DOUBLE, "start", "°"),
        Column("end_lat", Kind.DOUBLE, "end: the car's last position, else the last point", "°"),
        Column("end_lng", Kind.DOUBLE, "end", "°"),
        Column("start_location", Kind.TEXT, "the place of cars.toml at the start"),
        Column("end_location", Kind.TEXT, "the place of cars.toml at the end"),
        Column(
            "start_address",
            Kind.TEXT,
            "what TRIPS_GEOCODER_URL says of the start, to some 100 m; NULL: not asked, or none",
        ),
        Column(
            "end_address", Kind.TEXT, "what TRIPS_GEOCODER_URL says of the end, to some 100 m; NULL: not asked, or none"
        ),
        Column("trail_points", Kind.INTEGER, "points in car_trip_points", low=0),
        Column("phone_points", Kind.INTEGER, "positions that the phone sent", low=0),
        Column("car_points", Kind.INTEGER, "positions that the car gave", low=0),
        Column(
            "direct_km",
            Kind.DOUBLE,
            "shortest route from start to end; NULL: no router answered",
            "km",
            low=0,
            high=5_000,
        ),
        Column("deviation_percent", Kind.DOUBLE, "distance against the direct route", "%"),
        Column("long_route", Kind.BOOLEAN, "longer than the direct route by more than 5 %"),
        Column("classification", Kind.TEXT, "B (business) or P (private)"),
        Column("via", Kind.TEXT, "parked, end or safety_net: what ended it"),
        Column("resumes_trip_id", Kind.TEXT, "the trip before, where it went on with the same car within the cooldown"),
        _AT,
    ),
    may_shrink=True,
    group="cars",
)

CAR_TRIP_CANCELLATIONS = Table(
    "car_trip_cancellations",
    "What began like a trip by car and was none.",
    (
        Column("cancellation_id", Kind.TEXT, "user_id:start_time:end_time", key=True),
        *_of("whose phone sent pings"),
        _YEAR,
        _CAR[0],
        Column("start_time", Kind.INSTANT, "the ping that opened it"),
        Column("end_time", Kind.INSTANT, "the event that ended it"),
        Column("reason", Kind.TEXT, "no_driving_car, below_min_distance, no_car_identified, no_gps or no_distance"),
        Column("no_driving_count", Kind.INTEGER, "pings for which no car was driving", low=0),
        Column("parked_count", Kind.INTEGER, "parked readings in a row", low=0),
        Column("skip_pause_count", Kind.INTEGER, "pings at a skip location in a row", low=0),
        Column("api_error_count", Kind.INTEGER, "errors of the car's API in a row", low=0),
        _AT,
    ),
    may_shrink=True,
    group="cars",
)

CAR_TRIP_POINTS = Table(
    "car_trip_points",
    "The trail of each trip by car: 50 m apart, first and last point kept.",
    (
        Column("trip_id", Kind.TEXT, "the trip", key=True),
        Column("sequence", Kind.INTEGER, "0 is the first", key=True),
        *_of("who drove"),
        _YEAR,
        Column("at", Kind.INSTANT, "when"),
        Column("lat", Kind.DOUBLE, "latitude", "°", low=-90, high=90),
        Column("lng", Kind.DOUBLE, "longitude", "°", low=-180, high=180),
    ),
    may_shrink=True,
    group="cars",
)

CAR_TABLES = (CAR_TRIPS, CAR_TRIP_CANCELLATIONS, CAR_TRIP_POINTS)
