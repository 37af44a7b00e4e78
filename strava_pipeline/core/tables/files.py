"""`files`: what was imported, a row per file, whatever became of it. No parsing here."""

from strava_pipeline.core.tables.activities import SOURCE
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
