"""What a person says of an activity, which counts before any source: decisions, and the table that follows from them.

A word names the activity by its id at that time; it may have been matched with others since, and takes its words along.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from strava_pipeline.core.cuts import checked_cuts
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.tables.gear import CORRECTIONS, RULED
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.gold.measured import unmeasured_years
from strava_pipeline.lake.gold.members import activities_of
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake

Word = str | bool | float | list[str] | None
Words = Mapping[str, Word]
"""A person's words by field of FIELDS; None takes one back."""

FIELDS = (
    "name",
    "sport_type",
    "gear",
    "commute",
    "note",
    "tags",
    "counts",
    "description",
    "distance",
    "moving_time",
    "elapsed_time",
    "cuts",
    "deleted",
)
_TEXTS = ("name", "note", "description", "sport_type", "gear")
_MOST = {"distance": 4e7, "moving_time": 1e9, "elapsed_time": 1e9}  # what `counted_activities` believes; m, s
_LONGEST, _MOST_TAGS, _LONGEST_TAG = 2_000, 20, 50


OWN = "own"  # the source of gear that only the person names


class CorrectionDecision(Decision):
    """Words about an activity; those about other fields stay as they were. `step`: all that was said at once."""

    kind: ClassVar[str] = "corrections"
    activity_id: int
    words: dict[str, Word]
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person says at once.

    Args:
        words: by field.
        more_tags, fewer_tags: added to those that hold, and taken from them.
        shown: the words that the person saw, if any were shown: only these are taken back.
    """

    words: Words
    more_tags: Sequence[str] = ()
    fewer_tags: Sequence[str] = ()
    shown: Words | None = None

    def changes(self, known: Words | None, ruled_tags: Sequence[str] = ()) -> Words:
        """What differs from the words that hold of an activity, all of it where these aren't known. Raises MisuseError.

        Args:
            ruled_tags: those that a rule gives; tags are added to them, and taken from them, where no word is said of tags.
        """
        words, held = dict(self.words), known or {}
        if self.more_tags or self.fewer_tags:
            tags = held.get("tags")
            assert isinstance(tags, list | None)
            words["tags"] = [*(tag for tag in tags or ruled_tags if tag not in self.fewer_tags), *self.more_tags]
        return {
            name: value
            for name, value in checked_words(words).items()
            if (known is None or held.get(name) != value)
            and (value is not None or name == "tags" or self.shown is None or held.get(name) == self.shown.get(name))
        }


def checked_words(words: Words) -> dict[str, Word]:
    """The words, trimmed; an empty text takes one back. `counts` true: whatever a rule says. Raises MisuseError."""
    found: dict[str, Word] = {}
    if not words:
        raise MisuseError("Nothing was said of the activity.")
    for name, value in words.items():
        if name in _TEXTS and isinstance(value, str):
            found[name] = value.strip() or None
        elif name == "tags" and isinstance(value, list):
            found[name] = [*dict.fromkeys(filter(None, (str(tag).strip() for tag in value)))] or None
        elif name == "cuts" and isinstance(value, list):
            found[name] = checked_cuts(value) or None
        elif (
            value is None
            or (name in ("commute", "counts") and isinstance(value, bool))
            or (name == "deleted" and value is True)
        ):
            found[name] = value
        elif name in _MOST and not isinstance(value, bool | list | str) and 0 < value <= _MOST[name]:
            found[name] = float(value) if name == "distance" else round(value)
        else:
            raise MisuseError(f"Nothing like that can be said of {name}.")
    if unknown := found.keys() - {*FIELDS}:
        raise MisuseError(
            f"An activity has no {', '.join(sorted(unknown))} to be corrected; there are {', '.join(FIELDS)}."
        )
    if (sport := found.get("sport_type")) is not None and sport not in GROUP_OF:
        raise MisuseError(f"No sport is called so. There are {', '.join(sorted(GROUP_OF))}.")
    if (gear := found.get("gear")) is not None and not all(str(gear).partition(":")[::2]):
        raise MisuseError(
            "Gear is written as its service and its id there: strava:b1234567. `providers gear` lists them. "
            "For gear that no source has, write a name of your own: own:My bike."
        )
    tags, cuts = found.get("tags") or [], found.get("cuts") or []
    assert isinstance(tags, list)
    assert isinstance(cuts, list)
    too_long = any(len(str(found.get(name) or "")) > _LONGEST for name in _TEXTS)
    if too_long or max(len(tags), len(cuts)) > _MOST_TAGS or any(len(tag) > _LONGEST_TAG for tag in tags):
        raise MisuseError(
            f"Texts have {_LONGEST:,} characters at most, tags {_LONGEST_TAG}, and there are {_MOST_TAGS} tags and cuts at most."
        )
    return found


def words_of(connection: Connection, lake: Lake) -> dict[int, dict[str, Any]]:
    """By present activity, every word that holds, in the order of ids; the later one of two stands."""
    said = decisions(lake, CorrectionDecision).all
    present, found = activities_of(connection, (each.activity_id for each in said)), dict[int, dict[str, Any]]()
    for each in said:
        found.setdefault(present[each.activity_id], {}).update(each.words)
    holding = {key: {name: value for name, value in words.items() if value is not None} for key, words in found.items()}
    return {key: holding[key] for key in sorted(holding) if holding[key]}


def held_words(connection: Connection, lake: Lake, ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The words that hold of each of the activities, by the id that was asked for."""
    held, present = words_of(connection, lake), activities_of(connection, ids)
    return {one: held.get(present[one], {}) for one in ids}


def tags_by_rules(connection: Connection, ids: Collection[int]) -> dict[int, list[str]]:
    """The tags that rules give the activities."""
    query = f"SELECT activity_id, tags FROM {RULED.name} WHERE tags IS NOT NULL AND list_contains($ids, activity_id)"
    return dict(connection.execute(query, {"ids": [*ids]}).fetchall())


def words_before(connection: Connection, lake: Lake, step: str) -> dict[int, Words]:
    """By present activity, what held before a step in each field of which nothing was said since; None: nothing did."""
    said = decisions(lake, CorrectionDecision).all
    present = activities_of(connection, (each.activity_id for each in said))
    held: dict[tuple[int, str], Word] = {}
    found: dict[int, dict[str, Word]] = {}
    for each in said:
        one = present[each.activity_id]
        before = found.setdefault(one, {})
        for name, value in each.words.items():
            if each.step == step:
                before.setdefault(name, held.get((one, name)))
            else:
                before.pop(name, None)
            held[one, name] = value
    return {one: words for one, words in found.items() if words}


def is_known_gear(connection: Connection, gear: str) -> bool:
    """Whether a source shows this gear, its activities name it, or a person does. `gear`: as strava:b1234."""
    source, _, gear_id = gear.partition(":")
    query = "SELECT count(*) FROM gear_items WHERE source = $source AND (piece = $id OR gear_id = $id)"
    ((count,),) = connection.execute(query, {"source": source, "id": gear_id}).fetchall()
    return source == OWN or bool(count)


def own_words(connection: Connection, lake: Lake, activity_id: int) -> tuple[Words, bool]:
    """The words about an activity that hold, and whether the table has just these."""
    words = words_of(connection, lake).get(activity_id, {})
    query = f"SELECT * FROM {CORRECTIONS.name} WHERE activity_id = $id"
    published = connection.execute(query, {"id": activity_id}).fetchone()
    is_published = published == (_row(activity_id, words) if words else None)
    return words, is_published and not unmeasured_years(connection)


def are_published(connection: Connection, lake: Lake) -> bool:
    """Whether the table has just the words that hold, and tracks are measured by them."""
    if unmeasured_years(connection):
        return False
    rows = connection.execute(f"SELECT * FROM {CORRECTIONS.name} ORDER BY activity_id").fetchall()
    return rows == correction_rows(connection, lake)[CORRECTIONS.name]


def correction_rows(connection: Connection, lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the table CORRECTIONS, by its name."""
    return {CORRECTIONS.name: [_row(key, words) for key, words in words_of(connection, lake).items()]}


def _row(activity_id: int, words: Mapping[str, Any]) -> tuple[Any, ...]:
    source, _, gear_id = words.get("gear", "").partition(":")
    texts = (words.get("name"), words.get("sport_type"), source or None, gear_id or None)
    return (activity_id, *texts, *(words.get(name) for name in FIELDS[3:]), [name for name in FIELDS if name in words])
