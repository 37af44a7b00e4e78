"""Items of a page that can't be read as activities: which, and why, without any of their values.

Without Polars, because records are read often.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_PERMANENT = ("id", "upload_id", "external_id", "start_date")  # the fields of an activity that never change


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item of a page without a usable id. `row` counts from 1; the content is in the page.

    `digest` is the same when the item is listed again, even with other kudos; `start` (UTC) is None where the item has none.
    """

    row: int
    reason: str
    digest: str
    start: datetime | None = None


def kind_of(value: Any) -> str:
    """The kind of a JSON value, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "text", float: "a number with decimals", int: "a number", list: "a list", dict: "an object"}
    return kinds[type(value)]


def digest_of(item: Any) -> str:
    """A hash that stays the same while the same item is listed."""
    permanent = (
        {name: item[name] for name in _PERMANENT if item.get(name) is not None} if isinstance(item, dict) else {}
    )
    content = json.dumps(permanent or item, sort_keys=True).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).hexdigest()
