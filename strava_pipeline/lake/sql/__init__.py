"""SQL in named files of this folder, and the statements of the catalogue's own views, which are composed from them.

Values go in as named parameters; `{names}` are filled from the catalogue only. A view is never outdated: writers of
gold have no view to update, and a reader pays some milliseconds. Views are made with the tables, and again when one of
their statements changed. The catalogue (core/tables/) names and explains their columns.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from strava_pipeline.core.human_bests import HUMAN_BESTS, LEAST_METRES, least_seconds
from strava_pipeline.core.insights.athlete import HEARTRATE_SHARES, POWER_SHARES
from strava_pipeline.core.insights.declared_numbers import with_totals
from strava_pipeline.core.sources import FILLED, IMPORTED, STRAVA
from strava_pipeline.core.sports import DRIVES, GROUP_OF, LIFTED, UNSPECIFIED, VIRTUAL
from strava_pipeline.core.tables import ACTIVITY_DETAILS, TABLES, Table
from strava_pipeline.core.tables.activities import IMPOSSIBLE
from strava_pipeline.core.tables.bests import DISTANCES, DISTANCES_OF, NO_RECORDS
from strava_pipeline.core.tables.computed import CUT_FIELDS
from strava_pipeline.core.tables.days import INSTANTS
from strava_pipeline.core.tables.insights import INSIGHTS, MACROS, PUBLISH_TABLES, TOTALS
from strava_pipeline.core.wellness import MEASURES


@cache
def sql(name: str, package: str = __name__) -> str:
    """The text of `<name>.sql` in the package, with the declared totals that it names."""
    return with_totals(files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8"))


def literal(text: str | Path) -> str:
    """A text as an SQL literal, for statements that take no parameters: ATTACH, COPY, LOAD, SET."""
    quoted = str(text).replace("'", "''")
    return f"'{quoted}'"


@cache
def views_version() -> str:
    """A hash that changes whenever the statement of a view does."""
    return hashlib.blake2b(repr([*view_statements()]).encode(), digest_size=8).hexdigest()


def view_statements() -> Iterator[str]:
    """The statements of all views and macros: matched activities, tables under their plain names, insights; each after
    those it reads.

    The tables that a publish fills are made with them, empty.
    """
    for table in PUBLISH_TABLES.values():
        yield f"CREATE OR REPLACE TABLE {table.name} ({table.ddl})"
    yield from _gold()
    for name, text in _insights():
        yield f"CREATE OR REPLACE VIEW {name} AS {text}"
    for name in MACROS:
        yield f"CREATE OR REPLACE MACRO {name}(files) AS TABLE {sql(f'insights/{name}')}"


def list_statement() -> str:
    """The statement that writes the rows of `activity_list`."""
    return sql("activity_list").format(**_sums({}), virtual=VIRTUAL)


def matching_statement() -> str:
    """The statement that tells of every activity what telling which are one needs."""
    return sql("matching").format(has_time=has_time("said"))


def has_time(row: str) -> str:
    """Whether the start of a row is a moment: no day alone, and not the time of day that is none at its source (a note's)."""
    told = f"(SELECT value FROM lake_meta WHERE key = 'told:no_times')::JSON ->> {row}.source"
    return f"({row}.start_date IS NOT NULL AND coalesce({row}.start_date_local::TIME::VARCHAR <> ({told}), true))"


def _gear(row: str) -> str:
    """The gear that a row names: its id, or the text that a person wrote, in the one form of all its spellings."""
    return f"coalesce(nullif({row}.gear_id, ''), nullif(lower(nfc_normalize(trim({row}.extra ->> '$.equipment'))), ''))"


def bests_statement() -> str:
    """The statement that writes the rows of `activity_bests`."""
    none = ", ".join(f"('{group}', '{record}')" for group, records in NO_RECORDS.items() for record in records)
    return sql("activity_bests").format(**_stretches(), none=none)


def _texts(texts: Iterable[str]) -> str:
    return ", ".join(map(literal, texts))


def load_statement() -> str:
    """The statements that write the rows of `activity_load` and `training_zones`."""
    shares = {"power_shares": [*POWER_SHARES], "heartrate_shares": [*HEARTRATE_SHARES]}
    return sql("activity_load").format(owner=sql("owner"), **shares)


def days_statement(table: Table) -> str:
    """The query of the rows of `days` or `nights`."""
    names = [column.name for column in table.columns if column.name in MEASURES]
    values = {name: "to_timestamp(value)" if name in INSTANTS else "value" for name in names}
    columns = ",\n    ".join(
        f"arg_min({shown}, place) FILTER (measure = '{name}') AS {name}, "
        f"arg_min(source, place) FILTER (measure = '{name}') AS {name}_source"
        for name, shown in values.items()
    )
    return sql("days").format(columns=columns, measures=_texts(names))


def _gold() -> Iterator[str]:
    for table in TABLES.values():
        if table.follows:
            whole = _ENERGY if table is ACTIVITY_DETAILS else ""
            yield sql("following").format(name=table.name, stored=table.stored, whole=whole)
    yield sql("views").format(
        filling=", ".join(f"arg_min(said.{name}, member.place) AS {name}" for name in FILLED),
        filled=",\n    ".join(f"{_filled(name)} AS {name}" for name in FILLED),
        imported=_texts(sorted(IMPORTED)),
        drives=_texts(sorted(DRIVES)),
        unspecified=UNSPECIFIED,
        later=_LATER,
        said_time=has_time("said"),
        head_time=has_time("head"),
        said_gear=_gear("said"),
        head_gear=_gear("head"),
        impossible=" ".join(f"WHEN {is_so} THEN {literal(why)}" for why, is_so in IMPOSSIBLE.items()),
    )
    yield sql("gold_activities")


def _filled(name: str) -> str:
    """The value of a column that a further source fills in: a person's own, of what is left of a cut track, or of sources."""
    value = f"coalesce(head.{name}, {_PAIRED.get(name, f'matched.{name}')})"
    if name in CUT_FIELDS or name in _LINES:  # a line leads along what was cut, too
        is_own = "cut.activity_id IS NULL" if name in _HEART else "cut.activity_id IS NULL OR word.cuts IS NULL"
        value = f"CASE WHEN {is_own} THEN {value}{f' ELSE cut.{name}' if name in CUT_FIELDS else ''} END"
    if name == "average_speed":
        typed = f"{_filled('distance')} / nullif({_filled('moving_time')}, 0)"
        return f"CASE WHEN coalesce(word.distance, word.moving_time) IS NULL THEN {value} ELSE {typed} END"
    if name == "start_date":
        value = f"CASE WHEN {_LATER} THEN cut.begins_at ELSE {value} END"
    return f"coalesce(word.{name}, {value})" if name in _SAID else value


_WITHIN = "CASE WHEN {0} > {1} AND {1} > 0 THEN {1} ELSE {0} END"  # nobody moves for longer than it lasts
_PAIRED = {  # where one source has the one time and another the other: their clocks differ by seconds
    "moving_time": _WITHIN.format("matched.moving_time", "coalesce(head.elapsed_time, matched.elapsed_time)"),
    "elapsed_time": "CASE WHEN head.moving_time > matched.elapsed_time THEN head.moving_time ELSE matched.elapsed_time END",
}
_ENERGY = (
    ", CASE WHEN coalesce(shown.activity_id, held.activity_id) NOT IN (SELECT activity_id FROM cut_values "
    "JOIN corrections USING (activity_id) WHERE cuts IS NOT NULL) THEN held.calories END AS calories"
)
_HEART = ("average_heartrate", "max_heartrate")  # which a rule may take from another device, with nothing cut
_LINES = ("polyline", "summary_polyline")
_SAID = ("sport_type", "distance", "moving_time", "elapsed_time")
_LATER = "starts_with(word.cuts[1], '/') AND cut.begins_at IS NOT NULL"  # its start was cut


def _insights() -> Iterator[tuple[str, str]]:
    """Each view of insights with its query, each after those it reads."""
    groups = ", ".join(f"('{sport}', '{group}')" for sport, group in GROUP_OF.items())
    owners = {record: [group for group, own in DISTANCES_OF.items() if record in own] for record in DISTANCES}
    lengths = ", ".join(
        f"('{record}', {metres}, {'NULL' if metres % 1000 else metres // 1000}, {owners[record]})"
        for record, metres in DISTANCES.items()
    )
    humans = ", ".join(
        f"('{group}', {metres}::DOUBLE, {least_seconds(group, metres)}::DOUBLE)"
        for group, held in HUMAN_BESTS.items()
        for metres in sorted({max(metres, LEAST_METRES.get(group, 0.0)) for metres in held})
    )
    texts = {
        "sport_groups": f"SELECT * FROM (VALUES {groups}) AS rows (sport_type, sport_group)",
        "standard_distances": f"SELECT * FROM (VALUES {lengths}) AS rows (record, distance_m, splits, sport_groups)",
        "human_bests": f"SELECT * FROM (VALUES {humans}) AS rows (sport_group, distance_m, least_seconds)",
        **{
            table.name: sql("insights/totals_by").format(period=period, columns=columns)
            for period, (columns, table) in TOTALS.items()
        },
        "activity_sums": sql("insights/activity_sums").format(**_sums({})),
        "gear_mileage": sql("insights/gear_mileage").format(strava=STRAVA),
        "gear_service_state": sql("insights/gear_service_state").format(owner=sql("whose")),
        "activity_power": sql("insights/activity_power").format(owner=sql("owner")),
        "counted_activities": sql("insights/counted_activities").format(
            owner=sql("owner"),
            virtual=VIRTUAL,
            **_sums({"moving_time": "moving_time_seconds", "total_elevation_gain": "elevation_gain_m"}),
        ),
    }
    for name in INSIGHTS:
        yield name, texts.get(name) or sql(f"insights/{name}")


_CLIMBED = f"coalesce(activities.sport_type, activities.type, '') NOT IN ({_texts(LIFTED)})"  # not carried by a lift
_SUMS = {  # what is believable of a source (31 years, 1000 km, 1000 m/s), or else what is computed of the track
    "moving_time": ("BETWEEN 0 AND 1e9", _WITHIN.format("track.moving_time", "activities.elapsed_time")),
    "total_elevation_gain": (
        f"BETWEEN 0 AND 1e6 AND {_CLIMBED}",
        f"CASE WHEN {_CLIMBED} THEN track.elevation_gain END",
    ),
    "max_speed": ("BETWEEN 0 AND 1e3", "track.max_speed"),
    "weighted_average_watts": ("BETWEEN 1 AND 1e4", "track.normalized_power"),
}


def _sums(names: Mapping[str, str]) -> dict[str, str]:
    """Each sum of an activity, and the list of computed ones, under the names in `names`."""
    said = {
        name: f"CASE WHEN activities.{name} {bounds} THEN activities.{name} END" for name, (bounds, _) in _SUMS.items()
    }
    cases = [
        f"CASE WHEN {said[name]} IS NULL AND {value} IS NOT NULL THEN '{names.get(name, name)}' END"
        for name, (_, value) in _SUMS.items()
    ]
    listed = f"nullif(list_filter([{', '.join(cases)}], lambda name: name IS NOT NULL), [])"
    sums = {name: f"coalesce({said[name]}, {value})" for name, (_, value) in _SUMS.items()}
    # a table has one duration, a recording without places no motion
    sums["moving_time"] = (
        f"coalesce({sums['moving_time']}, CASE WHEN activities.elapsed_time BETWEEN 1 AND 1e9 THEN activities.elapsed_time END)"
    )
    sums["average_speed"] = (
        "coalesce(CASE WHEN activities.average_speed BETWEEN 0 AND 1e3 THEN activities.average_speed END, "
        f"CASE WHEN activities.distance BETWEEN 0 AND 4e7 THEN activities.distance END / nullif({sums['moving_time']}, 0))"
    )
    return {
        "sums": ",\n".join(f"{value} AS {name}" for name, value in sums.items()),
        "computed": f"CASE WHEN track.activity_id IS NOT NULL THEN {listed} END",
    }


def _stretches() -> dict[str, str]:
    """For each distance of whole kilometres: the time between that many splits, and the shortest of an activity."""
    lengths = {record: metres // 1000 for record, metres in DISTANCES.items() if metres % 1000 == 0}
    between = [
        f"so_far - lag(so_far, {splits}, CASE WHEN place = {splits} THEN 0 END) OVER in_order AS {record}"
        for record, splits in lengths.items()
    ]
    return {
        "stretches": ",\n        ".join(between),
        "shortest": ", ".join(f"min({record}) AS {record}" for record in lengths),
    }
