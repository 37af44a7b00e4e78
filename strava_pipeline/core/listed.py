"""What a page of the list of activities holds: activities, and items that are none because nothing identifies them. Pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strava_pipeline.core.activities import starts
from strava_pipeline.core.rows import Json

_LASTING = ("id", "upload_id", "external_id", "start_date")  # what stays as it is for as long as an activity is listed
_TOO_LARGE = 2**63  # an id is a BIGINT


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item of a page without a usable id. `row` counts from 1; the content is in the page.

    `digest` is the same for what is listed again, though its kudos be others; `start` (UTC) is None where it tells none.
    """

    row: int
    reason: str
    digest: str
    start: datetime | None = None


def sift(items: Sequence[Any]) -> tuple[list[Json], list[Unreadable]]:
    """The activities among the items of a page, in their order, and the others."""
    activities: list[Json] = []
    others: list[Unreadable] = []
    for row, item in enumerate(items, start=1):
        if reason := _why_unreadable(item):
            start = next(iter(starts([item])), None) if isinstance(item, dict) else None
            others.append(Unreadable(row, reason, _digest(item), start))
        else:
            activities.append(item)
    return activities, others


def _why_unreadable(item: Any) -> str | None:
    if not isinstance(item, dict):
        return f"it is {_kind(item)} and not an object"
    if "id" not in item:
        return "it has no id"
    found = item["id"]
    if type(found) is not int:
        return f"its id is {_kind(found)} and not a whole number"
    if not 0 < found < _TOO_LARGE:
        return "its id is out of range"
    return None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "text", float: "a number with decimals", int: "a number", list: "a list", dict: "an object"}
    return kinds[type(value)]


def _digest(item: Any) -> str:
    known = {name: item[name] for name in _LASTING if item.get(name) is not None} if isinstance(item, dict) else {}
    content = json.dumps(known or item, sort_keys=True).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).hexdigest()
