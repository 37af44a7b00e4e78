"""Days and nights: what sources measured of the body. What the numbers mean stands in core/wellness.py."""

from strava_pipeline.core.tables.bests import ATHLETE
from strava_pipeline.core.tables.model import Column, Kind, Table
from strava_pipeline.core.wellness import MEASURES

GROUP = "days"
INSTANTS = ("starts_at", "ends_at")
DAY_VALUES = Table(
    "day_values",
    "Every number of a local day, or of the night that ended on it, as each source has it now.",
    (
        Column("source", Kind.TEXT, "where it came from", key=True),
        Column("day", Kind.DATE, "the local day; of a night: of its morning", key=True),
        Column("measure", Kind.TEXT, "which number: a column of `days` or `nights`", key=True),
        Column("value", Kind.DOUBLE, "the number; of an instant: seconds since 1970"),
        Column("athlete_id", Kind.BIGINT, ATHLETE.meaning),
        Column("part", Kind.TEXT, "the kind of answer that has it"),
    ),
    may_shrink=True,
    group=GROUP,
)


def _table(name: str, of: str, meaning: str, day: str) -> Table:
    columns = [Column("day", Kind.DATE, day, key=True)]
    for each, measure in MEASURES.items():
        if measure.of == of:
            kind = Kind.INSTANT if each in INSTANTS else Kind.DOUBLE
            unit = None if each in INSTANTS else measure.unit
            columns += [
                Column(each, kind, measure.meaning.removesuffix(", in seconds since 1970"), unit),
                Column(f"{each}_source", Kind.TEXT, f"whose {each} it is"),
            ]
    return Table(name, meaning, tuple(columns), group=GROUP)


DAYS = _table(
    "days",
    "day",
    "What was measured on each local day: each number of the first source that has it, in the order of their priorities.",
    "the local day",
)
NIGHTS = _table(
    "nights",
    "night",
    "What was measured in each night: each number of the first source that has it, in the order of their priorities.",
    "the local day of its morning",
)
