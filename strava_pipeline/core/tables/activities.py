"""The tables of activities as sources list them, with history, quarantine, athlete, gear, imports and matches.

Names are Strava's own field names. `activities_all` has one row per activity that any listing ever held. Which
activities are in quarantine follows from the evidence on disk (lake/gold/quarantine.py). No parsing here.
"""

from dataclasses import replace

from strava_pipeline.core.sports import SPORTS
from strava_pipeline.core.tables.model import Column, Kind, Table, activity_rows, field_of

_ID = "Strava's activity id; for other sources a negative hash of source and source id"

SUMMARY_FIELDS: tuple[Column, ...] = (
    field_of("name", Kind.TEXT, "title", edited=True),
    field_of("sport_type", Kind.TEXT, "sport, as Strava names it; new values appear without notice", edited=True),
    field_of("type", Kind.TEXT, "deprecated, lossy form of sport_type"),
    field_of("workout_type", Kind.BIGINT, "race, long run, workout … as Strava numbers them", edited=True),
    field_of("distance", Kind.DOUBLE, "distance", "m", low=0, high=2_000_000, edited=True),
    field_of("moving_time", Kind.BIGINT, "time in motion", "s", low=0, edited=True),
    field_of("elapsed_time", Kind.BIGINT, "time from start to end", "s", low=0, edited=True),
    field_of("total_elevation_gain", Kind.DOUBLE, "climbed", "m", low=0, high=50_000, edited=True),
    field_of("elev_high", Kind.DOUBLE, "highest point", "m", edited=True),
    field_of("elev_low", Kind.DOUBLE, "lowest point", "m", edited=True),
    field_of("start_date", Kind.INSTANT, "start, as an instant", edited=True),
    field_of("start_date_local", Kind.WALL, "start, as the athlete's clock showed it", edited=True),
    field_of("timezone", Kind.TEXT, "zone label; its offset is the standard one all year round", edited=True),
    field_of("utc_offset", Kind.DOUBLE, "local minus UTC at the start", "s", low=-50_400, high=50_400, edited=True),
    field_of("achievement_count", Kind.BIGINT, "achievements", low=0),
    field_of("kudos_count", Kind.BIGINT, "kudos", low=0),
    field_of("comment_count", Kind.BIGINT, "comments", low=0),
    field_of("athlete_count", Kind.BIGINT, "athletes in the group, this one included", low=0),
    field_of("photo_count", Kind.BIGINT, "photos from Instagram", low=0),
    field_of("total_photo_count", Kind.BIGINT, "photos from everywhere", low=0, edited=True),
    field_of("pr_count", Kind.BIGINT, "personal records on segments", low=0),
    field_of("average_speed", Kind.DOUBLE, "mean speed while moving", "m/s", low=0, high=120, edited=True),
    field_of("max_speed", Kind.DOUBLE, "highest speed", "m/s", low=0, high=400, edited=True),
    field_of("average_cadence", Kind.DOUBLE, "mean cadence", "rpm or steps of one leg per minute", edited=True),
    field_of("average_temp", Kind.DOUBLE, "mean temperature", "°C", edited=True),
    field_of("average_watts", Kind.DOUBLE, "mean power", "W", edited=True),
    field_of("weighted_average_watts", Kind.DOUBLE, "normalised power", "W", edited=True),
    field_of("max_watts", Kind.DOUBLE, "highest power", "W", edited=True),
    field_of("kilojoules", Kind.DOUBLE, "work", "kJ", edited=True),
    field_of("device_watts", Kind.BOOLEAN, "power was measured, not estimated", edited=True),
    field_of("has_heartrate", Kind.BOOLEAN, "heart rate was recorded", edited=True),
    field_of("average_heartrate", Kind.DOUBLE, "mean heart rate", "bpm", low=0, high=300, edited=True),
    field_of("max_heartrate", Kind.DOUBLE, "highest heart rate", "bpm", low=0, high=300, edited=True),
    field_of("heartrate_opt_out", Kind.BOOLEAN, "heart rate is left out of analysis", edited=True),
    field_of("display_hide_heartrate_option", Kind.BOOLEAN, "Strava offers to hide the heart rate"),
    field_of("suffer_score", Kind.DOUBLE, "relative effort"),
    field_of("trainer", Kind.BOOLEAN, "on a trainer or treadmill", edited=True),
    field_of("commute", Kind.BOOLEAN, "a commute", edited=True),
    field_of("manual", Kind.BOOLEAN, "entered by hand", edited=True),
    field_of("private", Kind.BOOLEAN, "only the athlete may see it", edited=True),
    field_of("visibility", Kind.TEXT, "everyone, followers_only or only_me", edited=True),
    field_of("flagged", Kind.BOOLEAN, "flagged by other athletes"),
    field_of("gear_id", Kind.TEXT, "bike (b…) or shoes (g…)", edited=True),
    field_of("location_city", Kind.TEXT, "city; Strava stopped sending it"),
    field_of("location_state", Kind.TEXT, "state; Strava stopped sending it"),
    field_of("location_country", Kind.TEXT, "country"),
    field_of(
        "start_latlng",
        Kind.DOUBLES,
        "start as [latitude, longitude]; [] where hidden or indoors",
        "°",
        edited=True,
    ),
    field_of(
        "end_latlng",
        Kind.DOUBLES,
        "end as [latitude, longitude]; [] where hidden or indoors",
        "°",
        edited=True,
    ),
    field_of("start_latitude", Kind.DOUBLE, "start; only in answers before 2022", "°", low=-90, high=90),
    field_of("start_longitude", Kind.DOUBLE, "start; only in answers before 2022", "°", low=-180, high=180),
    field_of("map_id", Kind.TEXT, "the map's id", path=("map", "id")),
    field_of("polyline", Kind.TEXT, "the track, encoded; listings leave it out", path=("map", "polyline")),
    field_of(
        "summary_polyline",
        Kind.TEXT,
        "the track, thinned and encoded",
        path=("map", "summary_polyline"),
        edited=True,
    ),
    field_of("upload_id", Kind.BIGINT, "the upload it came from; none for manual entries"),
    field_of("upload_id_str", Kind.TEXT, "upload_id as text"),
    field_of("external_id", Kind.TEXT, "the file's or device's own name"),
    field_of("device_name", Kind.TEXT, "the recording device"),
    field_of("guid", Kind.TEXT, "the recording app's id; only in old answers"),
    field_of("from_accepted_tag", Kind.BOOLEAN, "made by accepting another athlete's tag"),
    field_of("has_kudoed", Kind.BOOLEAN, "the athlete gave kudos"),
    field_of("resource_state", Kind.INTEGER, "level of detail of the answer: 2 summary, 3 detail"),
)

EXTRA = Column("extra", Kind.JSON, "every field that has no column here, and values that do not fit their column")
ATHLETE_ID = Column("athlete_id", Kind.BIGINT, "the athlete", source=("athlete", "id"))
SOURCE_ID = Column("source_id", Kind.TEXT, "the source's own id of it", source=("source_id",))
SOURCE = Column("source", Kind.TEXT, "where this came from, such as strava (the API), strava_archive or file")
NESTED_STATES = frozenset({("athlete", "resource_state"), ("map", "resource_state")})

ACTIVITIES_ALL = Table(
    "activities_all",
    "Every activity that any listing ever held, one row each, deleted ones included.",
    (
        Column("id", Kind.BIGINT, _ID, source=("id",), key=True),
        ATHLETE_ID,
        SOURCE,
        SOURCE_ID,
        Column(
            "account", Kind.TEXT, "whose login at the source showed it; NULL: the athlete's on Strava, or an import"
        ),
        *SUMMARY_FIELDS,
        Column("gear_source", Kind.TEXT, "whose id gear_id is: with it a key of gear; NULL: no gear is named"),
        EXTRA,
        Column("year", Kind.INTEGER, "partition: the local year, within the first and the newest partition"),
        Column("fingerprint", Kind.TEXT, "hash of every field that an edit can change, kudos aside"),
        Column("content_hash", Kind.TEXT, "hash of everything the listing said"),
        Column("ingestion_ts", Kind.INSTANT, "since when the source has said this: first received without a break"),
        Column("edited_at", Kind.INSTANT, "since when the source has shown the present fingerprint"),
        Column("deleted_at", Kind.INSTANT, "when it was found gone from the source; NULL: present"),
    ),
    ignored=NESTED_STATES,
)


ACTIVITY_HISTORY = Table(
    "activity_history",
    "Every version of an activity that a listing held: from when to when, what changed, and what that was before.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("version", Kind.INTEGER, "number of this version, from 1", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        Column("source", SOURCE.kind, SOURCE.meaning),
        Column("valid_from", Kind.INSTANT, "when a listing first held this version"),
        Column("valid_to", Kind.INSTANT, "when the next version, or a deletion, was found; NULL: the present one"),
        Column(
            "changed_fields",
            Kind.TEXTS,
            "columns of activities_all that differ from the version before; [] in the first",
        ),
        Column("previous", Kind.JSON, "these columns as they were before; {} in the first"),
    ),
    parent="activities_all",
)


QUARANTINE = activity_rows(
    "quarantine",
    "Activities whose detail, or file at a provider, failed thrice in a row while others succeeded; those deleted since too.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        SOURCE,
        Column("failures", Kind.INTEGER, "failures in a row, one for each run that asked", low=3),
        Column("first_failed_at", Kind.INSTANT, "the first of these"),
        Column("last_failed_at", Kind.INSTANT, "the newest of these"),
        Column("status", Kind.INTEGER, "HTTP status of the newest; 404: gone at the source or hidden; NULL: no answer"),
        Column("retry_at", Kind.INSTANT, "from when it is asked for again; NULL: by no run"),
        Column("dropped_at", Kind.INSTANT, "when a person dropped it; NULL: nobody did"),
    ),
    group="details",
)


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
        field_of(
            "stats",
            Kind.JSON,
            "the totals that Strava shows, of what everyone may see: all_ride_totals, ytd_run_totals, recent_swim_totals …",
        ),
        Column("stats_at", Kind.INSTANT, "when these were received"),
    ),
    group="profile",
)

GEAR = Table(
    "gear",
    "Every bike and pair of shoes that an activity names, as last fetched.",
    (
        Column("source", SOURCE.kind, "whose id gear_id is, such as strava", key=True),
        Column("gear_id", Kind.TEXT, "the id at the source; at Strava b… (bike) or g… (shoes)", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
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
        Column("found", Kind.BOOLEAN, "false: the source no longer shows it; NULL: only an archive names it so far"),
        Column("fetched_at", Kind.INSTANT, "when this was received"),
    ),
    ignored=frozenset({("id",)}),
    group="profile",
)


FILES = Table(
    "files",
    "Every file that was imported or that a provider gave: what it is, what it holds, and why if it could not be read.",
    (
        Column("sha256", Kind.TEXT, "hash of its bytes as they came; data/bronze/files holds them under it", key=True),
        Column("athlete_id", Kind.BIGINT, "whose archive it first came in, where that is known"),
        SOURCE,
        Column("name", Kind.TEXT, "the name it had, when it came first"),
        Column("names", Kind.TEXTS, "all names under which it came"),
        Column("came_as", Kind.TEXT, "the archive, folder or file that was imported"),
        Column("import_name", Kind.TEXT, "the import's folder in data/bronze/imports"),
        Column("account", Kind.TEXT, "the account at the provider that gave it"),
        Column("source_id", Kind.TEXT, "the provider's own id of the activity whose file it is"),
        Column("received_at", Kind.INSTANT, "when it came first"),
        Column(
            "role",
            Kind.TEXT,
            "activity, list (activities.csv), gear, objects (API JSON), media, or service_list (of another service)",
        ),
        Column("size", Kind.BIGINT, "bytes, as they came"),
        Column("format", Kind.TEXT, "fit, gpx, tcx or kml, by its content"),
        Column("kind", Kind.TEXT, "activity, course, route, settings …, by its content"),
        Column("content", Kind.TEXT, "hash of what it holds unpacked: the same for a file and its .gz"),
        Column("recordings", Kind.INTEGER, "sessions in it"),
        Column("flags", Kind.TEXTS, "what is odd about it: truncated, wrong_clock …"),
        Column("problem", Kind.TEXT, "why nothing or not all of it was read"),
    ),
    group="imports",
)


_HERE_ALONE = {"edited_at", "deleted_at"}  # what follows from listings that come again

IMPORTED_ACTIVITIES = Table(
    "imported_activities",
    "What imports say of each activity, a row per source, the newest; also where a better source is the one that counts.",
    tuple(
        replace(column, key=column.name in ("id", "source"), low=None, high=None)  # gold reports implausible values
        for column in ACTIVITIES_ALL.columns
        if column.name not in _HERE_ALONE
    ),
    ignored=ACTIVITIES_ALL.ignored,
)

ACTIVITY_MEMBERS = activity_rows(
    "activity_members",
    "Activities that are one although they have several ids: which one stands for them. Activities with one id are not here.",
    (
        Column("id", Kind.BIGINT, "the id that a source gave it, or a hash", key=True),
        Column("activity_id", Kind.BIGINT, "the activity that it is: the id of the best source"),
        Column(
            "place", Kind.INTEGER, "0: its row is the activity's; the others fill in what that lacks, in this order"
        ),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        SOURCE,
    ),
)

ACTIVITY_MATCHES = Table(
    "activity_matches",
    "Pairs of activities that are one, may be one, or of which a person decided, with the evidence.",
    (
        Column("id", Kind.BIGINT, "one of the two, with the smaller id", key=True),
        Column("other_id", Kind.BIGINT, "the other one", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        Column("source", SOURCE.kind, "source of the first one"),
        Column("other_source", SOURCE.kind, "source of the other one"),
        Column("verdict", Kind.TEXT, "certain, probable, doubtful or nothing; part: one is a leg of the other"),
        Column("joined", Kind.BOOLEAN, "they are one in the warehouse; false: only proposed, or split"),
        Column("score", Kind.DOUBLE, "what speaks for it", "points of 100", low=0, high=100),
        Column("reasons", Kind.TEXTS, "what was found"),
        Column("decided", Kind.TEXT, "what a person decided: joined or split; NULL: nothing"),
        Column(
            "part_id", Kind.BIGINT, "the one that is a leg of the other, and is not counted beside it; NULL: neither"
        ),
        Column(
            "waiting_id",
            Kind.BIGINT,
            "the activity that counts only when a person says that it is another one; NULL: neither",
        ),
        Column("counted_id", Kind.BIGINT, "the activity that counts until then"),
    ),
    may_shrink=True,
)

# m/s that nobody reaches over more than a kilometre. World records are 7.6 on foot (1,000 m) and 1.7 in water (1,500 m); 25: the
# fastest steps of rides
_FASTEST = {8: ("run", "walk"), 3: ("swim",), 25: ("ride", "e_ride")}
_TOO_FAST = " ".join(
    f"WHEN list_contains({' '.join(map(SPORTS.__getitem__, groups)).split()}, coalesce(sport_type, type)) THEN {most}e0"
    for most, groups in _FASTEST.items()
)
_BEGAN = "coalesce(start_date_local, timezone('UTC', start_date))"
IMPOSSIBLE = {
    # with 1970-01-01, which clocks that know no time say
    "it began before 1970": f"{_BEGAN} < TIMESTAMP '1970-01-02'",
    "it was recorded before 1990": f"{_BEGAN} < TIMESTAMP '1990-01-01' AND coalesce(device_name, extra ->> '$.file') IS NOT NULL",
    # whether a nearer one is to come only a clock knows, and that may be wrong
    "it began after 2100": f"{_BEGAN} > TIMESTAMP '2100-01-01'",
    "its distance is more than once around the earth": "distance > 4e7 AND isfinite(distance)",
    # aeroplanes with the wind behind them are slower than 350 m/s
    "nothing is as fast as its distance in its time": "distance > 350e0 * greatest(moving_time, elapsed_time, 1) "
    "AND isfinite(distance) AND greatest(moving_time, elapsed_time) >= 0",
    # 90 km/h, as the fastest steps of rides
    "it has no sport, and nobody is as fast as its distance in its time": "distance > 25e0 * greatest(moving_time, elapsed_time) "
    "AND isfinite(distance) AND greatest(moving_time, elapsed_time) > 0 "
    "AND coalesce(sport_type, type, extra ->> '$.sport') IS NULL",
    "in its sport nobody is as fast as its distance in its time": "distance > 1000 AND isfinite(distance) "
    f"AND distance > CASE {_TOO_FAST} END * greatest(moving_time, elapsed_time) "
    "AND greatest(moving_time, elapsed_time) > 0",
}
"""Why an activity can't be, with the condition on columns of `activities`: it stays, and counts in nothing (docs/adr/0134)."""

_GOLD_COLUMNS = """
    name sport_type type distance moving_time elapsed_time total_elevation_gain start_date start_date_local timezone utc_offset
    achievement_count kudos_count average_speed max_speed average_heartrate max_heartrate suffer_score commute manual visibility
    gear_id location_city location_state location_country map_id polyline summary_polyline
"""
_OTHER_IN_GOLD = {
    "sport_type": Column(
        "sport_type", Kind.TEXT, "sport, as Strava names it; where there is none, the deprecated type"
    ),
    "start_date": Column("start_date", Kind.WALL, "start, in UTC without a zone"),
    "commute": Column("commute", Kind.BOOLEAN, "a commute; false where nothing is known"),
    "manual": Column("manual", Kind.BOOLEAN, "entered by hand; false where nothing is known"),
}
_FIELDS = {column.name: column for column in SUMMARY_FIELDS}

GOLD_ACTIVITIES = Table(
    "gold.activities",
    "What counts of `activities` as strava-stats-msrvc has it in its table of this name, so that notebooks written for it work.",
    (
        Column("id", Kind.BIGINT, _ID, key=True),
        *(
            _OTHER_IN_GOLD.get(name) or Column(name, _FIELDS[name].kind, _FIELDS[name].meaning, _FIELDS[name].unit)
            for name in _GOLD_COLUMNS.split()
        ),
        Column("ingestion_ts", Kind.WALL, "since when the source has said this, in UTC without a zone"),
    ),
)
