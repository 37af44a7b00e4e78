"""What a person says of an activity, which counts before any source: decisions, and the table that follows from them.

A word names the activity by its id at that time; it may have been matched with others since, and takes its words along.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.tables.gear import CORRECTIONS
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.gold.members import activities_of
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake

Words = Mapping[str, str | bool | list[str] | None]
"""A person's words by field of FIELDS; None takes one back."""

FIELDS = ("name", "sport_type", "gear", "commute", "note", "tags", "counts")
_LONGEST, _MOST_TAGS, _LONGEST_TAG = 2_000, 20, 50


class CorrectionDecision(Decision):
    """Words about an activity; those about other fields stay as they were."""

    kind: ClassVar[str] = "corrections"
    activity_id: int
    words: dict[str, str | bool | list[str] | None]


def checked_words(words: Words) -> dict[str, str | bool | list[str] | None]:
    """The words, trimmed; an empty text takes one back. `counts` true: whatever a rule says. Raises MisuseError."""
    found: dict[str, str | bool | list[str] | None] = {}
    if not words:
        raise MisuseError("Nothing was said of the activity.")
    for name, value in words.items():
        if name in ("name", "note", "sport_type", "gear") and isinstance(value, str):
            found[name] = value.strip() or None
        elif name == "tags" and isinstance(value, list):
            found[name] = [*dict.fromkeys(filter(None, (str(tag).strip() for tag in value)))] or None
        elif value is None or (name in ("commute", "counts") and isinstance(value, bool)):
            found[name] = value
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
            "Gear is written as its service and its id there: strava:b1234567. `providers gear` lists them."
        )
    tags = found.get("tags") or []
    assert isinstance(tags, list)
    too_long = any(len(str(found.get(name) or "")) > _LONGEST for name in ("name", "note", "gear"))
    if too_long or len(tags) > _MOST_TAGS or any(len(tag) > _LONGEST_TAG for tag in tags):
        raise MisuseError(
            f"Texts have {_LONGEST:,} characters at most, tags {_LONGEST_TAG}, and there are {_MOST_TAGS} of them at most."
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


def is_known_gear(connection: Connection, gear: str) -> bool:
    """Whether a source shows this gear, or its activities name it. `gear`: the source and its id there, strava:b1234."""
    source, _, gear_id = gear.partition(":")
    query = "SELECT count(*) FROM gear_items WHERE source = $source AND (piece = $id OR gear_id = $id)"
    ((count,),) = connection.execute(query, {"source": source, "id": gear_id}).fetchall()
    return bool(count)


def own_words(connection: Connection, lake: Lake, activity_id: int) -> tuple[Words, bool]:
    """The words about an activity that hold, and whether the table has just these."""
    words = words_of(connection, lake).get(activity_id, {})
    query = f"SELECT * FROM {CORRECTIONS.name} WHERE activity_id = $id"
    published = connection.execute(query, {"id": activity_id}).fetchone()
    return words, published == (_row(activity_id, words) if words else None)


def correction_rows(connection: Connection, lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the table CORRECTIONS, by its name."""
    return {CORRECTIONS.name: [_row(key, words) for key, words in words_of(connection, lake).items()]}


def _row(activity_id: int, words: Mapping[str, Any]) -> tuple[Any, ...]:
    source, _, gear_id = words.get("gear", "").partition(":")
    texts = (words.get("name"), words.get("sport_type"), source or None, gear_id or None)
    rest = (words.get("commute"), words.get("note"), words.get("tags"), words.get("counts"))
    return (activity_id, *texts, *rest, [name for name in FIELDS if name in words])
