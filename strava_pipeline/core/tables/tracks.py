"""`tracks`: the points of activities. They lie as Parquet by year, not in the warehouse: a year of them is larger than all else.

Null is unknown. Where points come from, a file or Strava's streams, `source` tells. No parsing here.
"""

from strava_pipeline.core.tables.activities import SOURCE
from strava_pipeline.core.tables.model import Column, Kind, Table

TRACKS = Table(
    "tracks",
    "The points of every activity of which a file or streams are there, in the order of the recording.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        SOURCE,
        Column("part", Kind.INTEGER, "which session of its file, from 0: several where sports were changed", key=True),
        Column("point", Kind.INTEGER, "place in the session, from 0", key=True),
        Column("recorded_at", Kind.INSTANT, "when"),
        Column("latitude", Kind.DOUBLE, "where, WGS 84", "°", low=-90, high=90),
        Column("longitude", Kind.DOUBLE, "where, WGS 84", "°", low=-180, high=180),
        Column("altitude", Kind.DOUBLE, "height", "m"),
        Column("distance", Kind.DOUBLE, "since the start", "m", low=0),
        Column("speed", Kind.DOUBLE, "speed", "m/s", low=0),
        Column("heartrate", Kind.DOUBLE, "heart rate", "bpm", low=0),
        Column("cadence", Kind.DOUBLE, "cadence", "rpm or steps of one leg per minute", low=0),
        Column("watts", Kind.DOUBLE, "power", "W"),
        Column("temperature", Kind.DOUBLE, "temperature", "°C"),
        Column("moving", Kind.BOOLEAN, "in motion, as Strava judges; only its streams tell"),
        Column("grade", Kind.DOUBLE, "slope, smoothed; only Strava's streams tell", "%"),
    ),
    parent="activities_all",
    may_shrink=True,
)
