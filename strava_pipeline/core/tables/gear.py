"""What a person says of activities, and gear: its links, its things and what each did, its services. SQL: lake/sql/insights/."""

from strava_pipeline.core.tables.bests import ATHLETE
from strava_pipeline.core.tables.model import Column, Kind, Table

_PIECE = (
    Column("source", Kind.TEXT, "the service", key=True),
    Column("piece", Kind.TEXT, "its id of the piece; in lower case, where gear is a text there", key=True),
)

GEAR_MILEAGE = Table(
    "gear_mileage",
    "What each bike and pair of shoes has done here, beside what Strava says it has.",
    (
        ATHLETE,
        Column("item", Kind.TEXT, "the bike or the shoes: `gear_items`", key=True),
        Column("name", Kind.TEXT, "name"),
        Column("retired", Kind.BOOLEAN, "no longer used"),
        Column("activities", Kind.BIGINT, "how many"),
        Column("distance_m", Kind.DOUBLE, "distance", "m"),
        Column("moving_time_seconds", Kind.BIGINT, "time in motion", "s"),
        Column("elevation_gain_m", Kind.DOUBLE, "climbed", "m"),
        Column("first_on", Kind.DATE, "first used"),
        Column("last_on", Kind.DATE, "last used"),
        Column("strava_distance_m", Kind.DOUBLE, "distance on Strava, which may have started above 0", "m"),
    ),
)
GEAR_SERVICES = Table(
    "gear_services",
    "Services of gear, as goals.toml says.",
    (
        Column("gear", Kind.TEXT, "name of the gear, or its id", key=True),
        Column("service", Kind.TEXT, "name of the service", key=True),
        Column("every_m", Kind.DOUBLE, "distance after which it is due; NULL: not by distance", "m"),
        Column("every_seconds", Kind.DOUBLE, "time in motion after which it is due; NULL: not by time", "s"),
        Column("done_on", Kind.DATE, "local day when it was last done; NULL: never"),
    ),
)
GEAR_LINKS = Table(
    "gear_links",
    "Which pieces of gear are one thing, as providers.toml says.",
    (
        *_PIECE,
        Column("item", Kind.TEXT, "the thing"),
    ),
)
GEAR_ITEMS = Table(
    "gear_items",
    "Every piece of gear that a source shows or its present rows name, and the thing that it is (`gear_links`). What a thing has "
    "done is in `gear_mileage`.",
    (
        Column("item", Kind.TEXT, "the thing: its name, if pieces of it are linked, or else source:piece"),
        *_PIECE,
        Column("gear_id", Kind.TEXT, "its id, or the text as it is written"),
        Column("name", Kind.TEXT, "its name there"),
        Column("item_name", Kind.TEXT, "the name of the thing"),
        Column("retired", Kind.BOOLEAN, "no longer used; NULL: unknown"),
        Column("is_linked", Kind.BOOLEAN, "a person linked it"),
        Column(
            "rows",
            Kind.BIGINT,
            "present rows of the source that name it, those of doubtful and cut activities among them",
        ),
        Column("distance_m", Kind.DOUBLE, "their distance", "m"),
        Column("moving_time_seconds", Kind.BIGINT, "their time in motion", "s"),
        Column("first_on", Kind.DATE, "first used, by these"),
        Column("last_on", Kind.DATE, "last used, by these"),
    ),
)
GEAR_SERVICE_STATE = Table(
    "gear_service_state",
    "What each gear with a service in goals.toml has done since that was last done.",
    (
        Column("gear", Kind.TEXT, "name of the gear, or its id, as in goals.toml", key=True),
        Column("service", Kind.TEXT, "name of the service", key=True),
        Column("done_on", Kind.DATE, "local day when it was last done; NULL: never, so everything counts"),
        Column("pieces", Kind.BIGINT, "ids of that gear that activities name; 0: goals.toml may have a slip"),
        Column("activities", Kind.BIGINT, "activities after that day"),
        Column("distance_m", Kind.DOUBLE, "distance since", "m"),
        Column("moving_time_seconds", Kind.BIGINT, "time in motion since", "s"),
        Column("every_m", Kind.DOUBLE, "distance after which it is due; NULL: not by distance", "m"),
        Column("every_seconds", Kind.DOUBLE, "time in motion after which it is due; NULL: not by time", "s"),
        Column("share_used", Kind.DOUBLE, "of the interval; 1: due"),
        Column("is_due", Kind.BOOLEAN, "the interval is over"),
        Column("items", Kind.TEXTS, "the things of that name or id: `gear_items`"),
    ),
)
_WORDS = (
    Column("activity_id", Kind.BIGINT, "the activity", key=True),
    Column("name", Kind.TEXT, "title"),
    Column("sport_type", Kind.TEXT, "sport, as Strava names it"),
    Column("gear_source", Kind.TEXT, "whose id gear_id is"),
    Column("gear_id", Kind.TEXT, "the bike or the shoes"),
    Column("commute", Kind.BOOLEAN, "a commute"),
)
CORRECTIONS = Table(
    "corrections",
    "What a person said of present activities; it counts in `activities` before any source. NULL: nothing.",
    (
        *_WORDS,
        Column("note", Kind.TEXT, "a note of one's own"),
        Column("tags", Kind.TEXTS, "tags of one's own"),
        Column("counts", Kind.BOOLEAN, "false: it counts in nothing"),
        Column("description", Kind.TEXT, "description"),
        Column("distance", Kind.DOUBLE, "distance", "m"),
        Column("moving_time", Kind.BIGINT, "time in motion", "s"),
        Column("elapsed_time", Kind.BIGINT, "time from start to end", "s"),
        Column("cuts", Kind.TEXTS, "cut stretches of its track, from/to in UTC; the start has no from, the end no to"),
        Column("deleted", Kind.BOOLEAN, "true: deleted here, so that `activities` lacks it"),
        Column("fields", Kind.TEXTS, "what was said"),
    ),
)
RULED = Table(
    "ruled",
    "What rules.toml gives present activities, each field by the first rule that has it; it counts in `activities` before any "
    "source, and after what a person said (`corrections`). NULL: nothing.",
    (
        *_WORDS,
        Column("tags", Kind.TEXTS, "tags of one's own"),
        Column("counts", Kind.BOOLEAN, "false: it counts in nothing"),
        Column("heartrate_from", Kind.TEXT, "what measured the heart rate that counts: a name in `recording_pairs`"),
        Column("fields", Kind.TEXTS, "what was given"),
        Column("rules", Kind.TEXTS, "the rule that gave each of `fields`, in the same order: its number and title"),
    ),
)
