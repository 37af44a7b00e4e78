"""The tables of imports: files, what each import says of an activity, which activities are one and why."""

from dataclasses import replace

from strava_pipeline.core.tables.activities import ACTIVITIES_ALL, SOURCE
from strava_pipeline.core.tables.model import Column, Kind, Table

FILES = Table(
    "files",
    "Every file that was imported: what it is, which activities it holds, and why if it could not be read.",
    (
        Column("sha256", Kind.TEXT, "hash of its bytes as they came; data/bronze/files holds them under it", key=True),
        Column("athlete_id", Kind.BIGINT, "whose archive it first came in, where that is known"),
        SOURCE,
        Column("name", Kind.TEXT, "the name it had, when it came first"),
        Column("names", Kind.TEXTS, "all names under which it came"),
        Column("came_as", Kind.TEXT, "the archive, folder or file that was imported"),
        Column("import_name", Kind.TEXT, "the import's folder in data/bronze/imports"),
        Column("received_at", Kind.INSTANT, "when it came first"),
        Column("role", Kind.TEXT, "activity, list (activities.csv), gear, objects (API JSON) or media"),
        Column("size", Kind.BIGINT, "bytes, as they came"),
        Column("format", Kind.TEXT, "fit, gpx or tcx, by its content"),
        Column("kind", Kind.TEXT, "activity, course, route, settings …, by its content"),
        Column("content", Kind.TEXT, "hash of what it holds unpacked: the same for a file and its .gz"),
        Column("recordings", Kind.INTEGER, "sessions in it"),
        Column("flags", Kind.TEXTS, "what is odd about it: truncated, wrong_clock …"),
        Column("problem", Kind.TEXT, "why nothing or not all of it was read"),
    ),
)


_HERE_ALONE = {"edited_at", "deleted_at"}  # what follows from listings that come again

IMPORTED_ACTIVITIES = Table(
    "imported_activities",
    "What imports say of each activity, a row per source, the newest; also where a better source is the one that counts.",
    tuple(
        replace(column, key=column.name in ("id", "source"), low=None, high=None)  # what is believable is told of gold
        for column in ACTIVITIES_ALL.columns
        if column.name not in _HERE_ALONE
    ),
    ignored=ACTIVITIES_ALL.ignored,
)

ACTIVITY_MEMBERS = Table(
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
    parent="activities_all",
    may_shrink=True,
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
        Column("verdict", Kind.TEXT, "certain, probable, doubtful or nothing"),
        Column("joined", Kind.BOOLEAN, "they are one in the warehouse; false: only proposed, or split"),
        Column("score", Kind.DOUBLE, "what speaks for it", "points of 100", low=0, high=100),
        Column("reasons", Kind.TEXTS, "what was found"),
        Column("decided", Kind.TEXT, "what a person decided: joined or split; NULL: nothing"),
    ),
    may_shrink=True,
)
