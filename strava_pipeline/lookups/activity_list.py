"""The list of activities: those that match a selection, sorted, in pages or as a whole, with their sums.

Rows have the columns of `activity_list`, in metres, seconds and m/s. A page reads the same statement that a person sees
as SQL.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any, Literal

import orjson

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.sports import GROUP_OF, SPORTS
from strava_pipeline.core.text import printable
from strava_pipeline.lake.gold.insights import BESTS, LOADS
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.rows import CursorError, Values, packed, rows_of, unpacked

MOST_ROWS = 500  # rows per page: 0.3 MB of JSON
_FETCHED = 2_000  # rows fetched at once of a whole selection
_MOST_NAMED = 40  # choices in the text of an error
_LETTERS = 80  # of a text by which rows are sorted: the cursor holds them

Sort = Literal["date", "name", "sport", "place", "distance", "time", "speed", "climb", "heartrate", "power", "gear"]


def _of_letters(column: str) -> str:
    return f"left({column}, {_LETTERS}) COLLATE NOCASE.NOACCENT"


SORTS: Mapping[Sort, str] = {
    "date": "start_date_local",
    "name": _of_letters("name"),
    "sport": _of_letters("sport_type"),
    "place": _of_letters("place"),
    "distance": "distance",
    "time": "moving_time",
    "speed": "average_speed",
    "climb": "total_elevation_gain",
    "heartrate": "average_heartrate",
    "power": "average_watts",
    "gear": _of_letters("gear_name"),
}
"""The sort keys, in SQL."""
TEXTS: frozenset[Sort] = frozenset({"name", "sport", "place", "gear"})
"""The sort keys that are texts, which by default ascend."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected activities and their order; None means any.

    Args:
        first_on, last_on: local days, inclusive.
        sport: a sport as Strava names it, or a group of sports.
        words, place: a part of the name, or of the place; case and accents make no difference.
        source: one of the sources that have it.
        gear: its gear: an item of `gear_items`.
        commute: false: not marked as one.
        tag: one of its tags, as it is written.
        corrected: whether a person said something of it.
        counts: false: it is in no total.
        visibility: everyone, followers_only or only_me.
        min_distance, max_distance, min_climb, max_climb: metres, inclusive.
        min_time, max_time: seconds in motion, inclusive.
        activity: this one alone.
        sort, descending: rows without a value come last, in both orders; equal rows are sorted by id.
    """

    first_on: date | None = None
    last_on: date | None = None
    sport: str | None = None
    words: str | None = None
    place: str | None = None
    source: str | None = None
    gear: str | None = None
    commute: bool | None = None
    tag: str | None = None
    corrected: bool | None = None
    counts: bool | None = None
    visibility: str | None = None
    min_distance: float | None = None
    max_distance: float | None = None
    min_time: float | None = None
    max_time: float | None = None
    min_climb: float | None = None
    max_climb: float | None = None
    activity: int | None = None
    sort: Sort = "date"
    descending: bool = True

    @property
    def sorted_by(self) -> str:
        """The order, in SQL."""
        way = "DESC" if self.descending else "ASC"
        return f"{SORTS[self.sort]} {way} NULLS LAST, id {way}"

    @property
    def wanted(self) -> dict[str, Any]:
        """The criteria in use, by the names of the fields above."""
        held = {field.name: getattr(self, field.name) for field in fields(self) if field.name in CONDITIONS}
        return {name: value for name, value in held.items() if value is not None}

    def statement(self, shown: Callable[[str, Any], str] | None = None) -> str:
        """The statement of the rows, unsorted. `shown`: how to write a value in the text, by its name; by default as a
        parameter.
        """
        stands = shown or (lambda name, value: f"${name}")
        found = [CONDITIONS[name].format(stands(name, value)) for name, value in self.wanted.items()]
        return "\n  AND ".join(["SELECT *\nFROM activity_list\nWHERE " + found[0], *found[1:]]) if found else _ALL


_ALL = "SELECT *\nFROM activity_list"
CONDITIONS = {
    "first_on": "start_date_local >= {}",
    "last_on": "start_date_local < {} + INTERVAL 1 DAY",
    "sport": "{} IN (sport_group, sport_type)",
    "words": "contains(strip_accents(lower(name)), strip_accents(lower({})))",
    "place": "contains(strip_accents(lower(place)), strip_accents(lower({})))",
    "source": "list_contains(sources, {})",
    "gear": "gear_item = {}",
    "commute": "coalesce(commute, false) = {}",
    "tag": "id IN (SELECT activity_id FROM own_values WHERE list_contains(tags, {}))",
    "corrected": "(id IN (SELECT activity_id FROM corrections)) = {}",
    "counts": "counts = {}",
    "visibility": "visibility = {}",
    "min_distance": "distance >= {}",
    "max_distance": "distance <= {}",
    "min_time": "moving_time >= {}",
    "max_time": "moving_time <= {}",
    "min_climb": "total_elevation_gain >= {}",
    "max_climb": "total_elevation_gain <= {}",
    "activity": "id = {}",
}
"""The condition of each field of a selection."""


@dataclass(frozen=True, slots=True)
class After:
    """The last row of a page, after which the next page begins: its value in the sorted column, and its id."""

    sort: Sort
    descending: bool
    value: str | float | None
    id: int

    @property
    def text(self) -> str:
        """The cursor as text for the next request; its form may change between versions."""
        return packed(orjson.dumps([self.sort, self.descending, self.value, self.id]))

    @classmethod
    def parse(cls, text: str, selection: Selection) -> "After":
        """The cursor in a text. Raises CursorError if it isn't a cursor of this order."""
        found = cls(*orjson.loads(unpacked(text)))
        if (found.sort, found.descending) != (selection.sort, selection.descending):
            raise CursorError("it is of a list in another order")
        return found

    @property
    def condition(self) -> str:
        """The condition for the rows after it, in SQL. Parameters: `after`, `after_id`."""
        key, way = SORTS[self.sort], "<" if self.descending else ">"
        if self.value is None:
            return f"{key} IS NULL AND id {way} $after_id"
        value = "$after::TIMESTAMP" if self.sort == "date" else "$after"
        return f"({key} {way} {value} OR ({key} = {value} AND id {way} $after_id) OR {key} IS NULL)"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"after_id": self.id} | ({} if self.value is None else {"after": self.value})


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """A page of a selection.

    Args:
        activities: by id, in order; `computed`: the columns whose values were computed, because no source has them.
        totals: of the whole selection, None where unknown: `activities`, their number without `not_counted`
            others; the sums `distance`, `moving_time`, `total_elevation_gain`; the means `average_distance`,
            `average_moving_time`, `average_elevation_gain` of those that have any; `average_speed` of the way as a whole;
            `average_heartrate` by time; `sport_group`, where all are of one.
        next: where the next page begins, None after the last one.
    """

    activities: Mapping[int, Values]
    totals: Values
    next: After | None


def selected_ids(connection: Connection, selection: Selection, most: int) -> list[int]:
    """The ids of all selected activities. Raises MisuseError if there are more than `most`."""
    query = f"SELECT id FROM ({selection.statement()}) LIMIT {most + 1}"
    found = [one for (one,) in connection.execute(query, selection.wanted).fetchall()]
    if len(found) > most:
        raise MisuseError(f"More than {most:,} activities are like that. Filter further.")
    return found


def activity_page(
    connection: Connection,
    selection: Selection,
    *,
    limit: int = 50,
    after: After | None = None,
    athlete_id: int | None = None,
) -> ActivityPage:
    """A page of the selected activities that aren't deleted. `limit`: up to MOST_ROWS; `athlete_id`: whose totals; None: all."""
    parameters = selection.wanted | {"most": limit + 1, "athlete_id": athlete_id} | (after.parameters if after else {})
    rows = rows_of(
        connection,
        "activity_list",
        parameters,
        selected=selection.statement(),
        key=SORTS[selection.sort],
        behind=after.condition if after else "true",
        order=selection.sorted_by,
    )
    (totals, *_), keys = ([row.pop(name) for row in rows] for name in ("totals", "sorted_by"))
    found = [row for row in rows if row["id"] is not None]  # without a row, the totals stand alone
    last = _after(selection, keys[limit - 1], found[limit - 1]["id"]) if len(found) > limit else None
    return ActivityPage({row["id"]: row for row in found[:limit]}, totals, last)


def _after(selection: Selection, value: Any, key: int) -> After:
    text = value.isoformat() if isinstance(value, datetime) else value
    return After(selection.sort, selection.descending, text, key)


def selection_sql(selection: Selection) -> str:
    """The selection's statement in its order, for a person: with its values in the text."""
    return f"{selection.statement(lambda _, value: literal_of(value))}\nORDER BY {selection.sorted_by}"


def literal_of(value: Any) -> str:
    """A value in SQL. Characters that a page or a terminal would not show are written by their numbers."""
    if isinstance(value, date):
        return f"DATE '{value}'"
    if not isinstance(value, str):
        return str(value).lower()
    quoted = "".join(
        letter.replace("'", "''")
        if printable(letter) == letter and letter not in "\n\t"
        else f"' || chr({ord(letter)}) || '"
        for letter in value
    )
    return f"('{quoted}')" if "' || chr(" in quoted else f"'{quoted}'"


def limit_to(connection: Connection, selection: Selection) -> None:
    """Limit this reader's insights to the selected activities, as `limit_sports` does to sports: by what hides the rest.

    Loads and bests of activities stay as they were published; days, records and curves follow from those that are left.
    """
    chosen = f"SELECT * FROM counted_activities WHERE activity_id IN (SELECT id FROM ({selection.statement()}))"
    connection.execute(f"CREATE TEMP TABLE chosen_activities AS {chosen}", selection.wanted)
    connection.execute("CREATE OR REPLACE TEMP VIEW counted_activities AS SELECT * FROM temp.chosen_activities")
    for name, published in (("activity_bests", BESTS), ("activity_load", LOADS)):
        rows = f"SELECT * FROM {published} SEMI JOIN temp.chosen_activities USING (activity_id)"
        connection.execute(f"CREATE TEMP VIEW {name} AS {rows}")


def selected_rows(
    connection: Connection, selection: Selection, *, with_place: bool = True
) -> Iterator[list[tuple[Any, ...]]]:
    """The whole selection in its order: first the names of the columns, then rows, some thousands at a time."""
    columns = "*" if with_place else "* EXCLUDE (place)"
    statement = f"SELECT {columns} FROM ({selection.statement()}) ORDER BY {selection.sorted_by}"
    found = connection.execute(statement, selection.wanted)
    yield [tuple(column[0] for column in found.description)]
    while rows := found.fetchmany(_FETCHED):
        yield rows


def choices_of(connection: Connection) -> Values:
    """The existing values of the filters: `sports`, `sources`, `tags`, and `gear`, the names by item.

    `commute`, `corrected`, `not_counted`: whether there is any.
    """
    found = rows_of(connection, "list_choices", {})[0]
    return {**found, "gear": {each["key"]: each["name"] for each in found["gear"]}}


def gear_item(connection: Connection, gear: str) -> str | None:
    """The item of `gear_items` that a text means: its own, or that of a piece, as `strava:b1234`."""
    return next((row["item"] for row in rows_of(connection, "gear_meant", {"gear": gear})), None)


class UnknownChoiceError(MisuseError):
    """A selection names a sport, a source or gear that no activity has."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"This {name} is not known: {why}.")
        self.name, self.why = name, why


def known_choices(connection: Connection, selection: Selection, choices: Values | None = None) -> Selection:
    """The selection with its gear by the item. Raises UnknownChoiceError, if there are activities. `choices`: of `choices_of`."""
    item = gear_item(connection, selection.gear) if selection.gear else None
    selection = replace(selection, gear=item or selection.gear)
    wanted = {name: value for name, value in selection.wanted.items() if name in ("sport", "source", "gear")}
    if not wanted or not (has := choices or choices_of(connection))["sources"]:
        return selection
    known = {"sport": [*SPORTS, *has["sports"]], "source": has["sources"], "gear": [item] if item else [*has["gear"]]}
    for name, value in wanted.items():
        if value not in known[name] and not (name == "sport" and value in GROUP_OF):
            listed = ", ".join(known[name][:_MOST_NAMED]) or "none"
            raise UnknownChoiceError(name, f"no activity has it; there are: {listed}")
    return selection
