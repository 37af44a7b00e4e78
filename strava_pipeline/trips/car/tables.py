"""The tables of trips by car: the replay of pings and of cars' answers, with the column names of the tracker's trip record.

A position is two columns. Positions are in the warehouse because they are the user's own pings, like tracks.
"""

from strava_pipeline.core.tables.activities import SOURCE
from strava_pipeline.core.tables.model import Column, Kind, Table


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

TABLES = (CAR_TRIPS, CAR_TRIP_CANCELLATIONS, CAR_TRIP_POINTS)
