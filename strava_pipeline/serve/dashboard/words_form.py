"""What an athlete says in the forms of an activity and of the list, as an edit; and what these offer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from strava_pipeline.core.cuts import clock_seconds
from strava_pipeline.core.insights.goals import METRES_PER_MILE, Units, clock
from strava_pipeline.core.sheets.cells import read_number
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.text import printable
from strava_pipeline.lake.gold.corrections import OWN, Edit, Word, are_published, words_before
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.rows import Values, rows_of
from strava_pipeline.serve.dashboard.display import service, sport
from strava_pipeline.serve.dashboard.forms import first_of, ids_in
from strava_pipeline.serve.dashboard.problems import ProblemError

MOST = 200  # activities at once
_SAID = {"": None, "true": True, "false": False}
_OTHERS = ("tags", "more_tags", "fewer_tags", "shown", "undo", "id", "all")
_MEASURED = ("distance", "moving_time", "elapsed_time")
_METRES: Mapping[Units, float] = {"km": 1000.0, "miles": METRES_PER_MILE}


def edit_of_activity(fields: Mapping[str, Sequence[str]], units: Units) -> Edit | None:
    """What differs from the words that the form showed, which are its field `shown`; None: nothing. Raises ProblemError."""
    try:
        shown = dict(json.loads(first_of(fields, "shown") or "{}"))
        tags = [str(tag) for tag in shown.pop("tags", ())]
    except (ValueError, TypeError, RecursionError):
        raise ProblemError(400, "The form asks for nothing that can be set. Load the page again.") from None
    if "undo" in fields:
        edit = Edit(dict.fromkeys(shown), (), tags, shown)
    else:
        said = {name: texts[0] for name, texts in fields.items() if name not in _OTHERS}
        if named := said.pop("new_gear", "").strip():
            said["gear"] = f"{OWN}:{named}"
        differs = {name: text for name, text in said.items() if _in_form(name, text) != word_text(shown, name, units)}
        words = {name: _word(name, text, units) for name, text in differs.items()}
        gone = [tag for tag in tags if printable(tag) not in fields.get("tags", ())]
        edit = Edit(words, _tags(fields, "more_tags"), gone, shown)
    return edit if edit.words or edit.more_tags or edit.fewer_tags else None


def edit_of_list(fields: Mapping[str, Sequence[str]]) -> tuple[list[int], Edit]:
    """The ticked activities, and what is said of all of them. Raises ProblemError."""
    words = {name: _word(name, texts[0]) for name, texts in fields.items() if name not in _OTHERS and texts[0]}
    edit = Edit(words, _tags(fields, "more_tags"), list(filter(None, fields.get("fewer_tags", ()))))
    ticked = fields.get("id", ())
    ids = ids_in(ticked)
    if not 0 < len(ids) == len(ticked) <= MOST or not (words or edit.more_tags or edit.fewer_tags):
        raise ProblemError(400, f"Tick activities, {MOST} at most, and say what they are.")
    return ids, edit


def choices(snapshot: Connection, said: Word = None) -> dict[str, Any]:
    """What the forms offer: `sports`, and `gear`, the names by source and id of a piece; also gear without an activity.

    `said`: the piece that a person named already; that stands for its thing.
    """
    gear: dict[Any, str] = {}
    for row in rows_of(snapshot, "gear_choices", {}):
        name = f"{row['name']} · {service(row['twin_at'])}" if row["twin_at"] else row["name"]
        gear[said if said in row["pieces"] else row["key"]] = name
    return {"sports": {name: sport(name) for name in sorted(GROUP_OF)}, "gear": gear}


def last_step(request: Request, snapshot: Connection, lake: Lake) -> Values | None:
    """The step that the address names, and the number of `activities` of which it can be taken back; None: of none."""
    step = request.query_params.get("step")
    if not step or not (before := words_before(snapshot, lake, step)):
        return None
    return {"id": step, "activities": len(before), "is_published": are_published(snapshot, lake)}


def _tags(fields: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [tag.strip() for tag in first_of(fields, name).split(",") if tag.strip()]


def _word(name: str, text: str, units: Units | None = None) -> Word:
    """`units`: None: of several at once, of which no distance or time is said."""
    if name in ("commute", "counts", "deleted"):
        return _SAID.get(text, text)
    if name not in _MEASURED or units is None:
        return _in_form(name, text)
    if not text.strip():
        return None
    if name != "distance":
        return clock_seconds(text)
    if (found := read_number(text, units)) is None:
        raise ProblemError(400, f"A distance is a number of {units}, such as 12.5 or 12,5.")
    return found * _METRES[units]


def word_text(words: Mapping[str, Any], name: str, units: Units) -> str:
    """A word as its field of the form has it: a distance in km or miles, a time as h:mm:ss."""
    word = words.get(name)
    if word is None:
        return ""
    if name in _MEASURED:
        return clock(word) if name != "distance" else f"{round(word / _METRES[units], 4):g}"
    return _in_form(name, str(word).lower() if isinstance(word, bool) else printable(str(word)))


def _in_form(name: str, text: str) -> str:
    """A text as a browser holds it: without the ends of lines, where the field has one line."""
    return ("\n" if name in ("note", "description") else "").join(text.splitlines()).strip()
