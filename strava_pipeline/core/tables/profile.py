"""`athlete` and `gear`: who recorded, and with what. No parsing here."""

from strava_pipeline.core.tables.activities import EXTRA, SOURCE
from strava_pipeline.core.tables.model import Column, Kind, Table, field_of

ATHLETE = Table(
    "athlete",
    "The athlete whose login this is, as last fetched.",
    (
        Column("athlete_id", Kind.BIGINT, "Strava's athlete id", source=("id",), key=True),
        SOURCE,
        field_of("username", Kind.TEXT, "user name"),
        field_of("firstname", Kind.TEXT, "first name"),
        field_of("lastname", Kind.TEXT, "last name"),
        field_of("city", Kind.TEXT, "city"),
        field_of("state", Kind.TEXT, "state"),
        field_of("country", Kind.TEXT, "country"),
        field_of("sex", Kind.TEXT, "sex"),
        field_of("weight", Kind.DOUBLE, "weight", "kg"),
        field_of("ftp", Kind.DOUBLE, "functional threshold power", "W"),
        field_of("measurement_preference", Kind.TEXT, "meters or feet"),
        field_of("date_preference", Kind.TEXT, "date format"),
        field_of("premium", Kind.BOOLEAN, "has a subscription (older name)"),
        field_of("summit", Kind.BOOLEAN, "has a subscription"),
        field_of("created_at", Kind.INSTANT, "joined Strava"),
        field_of("updated_at", Kind.INSTANT, "profile last changed"),
        field_of("follower_count", Kind.BIGINT, "followers"),
        field_of("friend_count", Kind.BIGINT, "followed"),
        field_of("bikes", Kind.JSON, "bikes, in summary"),
        field_of("shoes", Kind.JSON, "shoes, in summary"),
        EXTRA,
        Column("fetched_at", Kind.INSTANT, "when this was received"),
    ),
)

GEAR = Table(
    "gear",
    "Every bike and pair of shoes that an activity names, as last fetched.",
    (
        Column("gear_id", Kind.TEXT, "bike (b…) or shoes (g…)", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        SOURCE,
        field_of("name", Kind.TEXT, "name"),
        field_of("nickname", Kind.TEXT, "nickname"),
        field_of("primary", Kind.BOOLEAN, "the default one"),
        field_of("retired", Kind.BOOLEAN, "no longer used"),
        field_of("distance", Kind.DOUBLE, "distance on Strava", "m", low=0),
        field_of("converted_distance", Kind.DOUBLE, "distance in the athlete's own unit"),
        field_of("brand_name", Kind.TEXT, "brand"),
        field_of("model_name", Kind.TEXT, "model"),
        field_of("frame_type", Kind.INTEGER, "frame type of a bike, as Strava numbers it"),
        field_of("weight", Kind.DOUBLE, "weight of a bike", "kg"),
        field_of("description", Kind.TEXT, "the athlete's own words"),
        field_of("notification_distance", Kind.DOUBLE, "when Strava reminds of a replacement"),
        field_of("resource_state", Kind.INTEGER, "level of detail of the answer"),
        EXTRA,
        Column("found", Kind.BOOLEAN, "false: Strava no longer shows it"),
        Column("fetched_at", Kind.INSTANT, "when this was received"),
    ),
    ignored=frozenset({("id",)}),
)
