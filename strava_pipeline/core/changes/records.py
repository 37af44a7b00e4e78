"""A change: one value at one service, its old and its new state. How changes are found, decided and applied is elsewhere."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

Kind = Literal[
    "update_name",
    "update_gear",
    "create_gear",
    "update_metadata",
    "add_activity",
    "link_activity",
    "upload_activity",
    "download_file",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Value = str | int | None | Mapping[str, Any]
"""A name, gear or a file as text, seconds, or the cells of a row by the words of its columns; None if absent."""

FIELDS: Mapping[Kind, str] = {
    "update_name": "name",
    "update_gear": "gear",
    "create_gear": "gear_list",
    "update_metadata": "elapsed_time",
    "add_activity": "row",
    "link_activity": "ids",
    "upload_activity": "file",
    "download_file": "file",
}
"""The field that a change of each kind writes."""
ID_LENGTH = 16  # hex digits of a SHA-256: among 2^32 changes, two of one id are as likely as not


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that is or was proposed.

    Args:
        provider: where it would be written; `disk`, the person's own, for `download_file`.
        source_id: the activity's id at the provider, or None.
        effort: the activity's id in the warehouse, as text, or None if the change concerns no activity.
        month: the athlete's local month of the start, as 2026-10.
        old, new: the current value and the proposed value; for gear, its names.
        old_id, new_id: the ids of the pieces of gear at the service; None for other fields.
        source: the provider that has the value `new`, or None if no provider has it, such as a computed elapsed time.
        start: of the activity (UTC), for a person; None if unknown.
        title: of the activity, for a person.
        details: further input for the writer, in JSON's types, such as the hash of a file to upload.
        undoes: the id of the applied change that this one takes back.
    """

    kind: Kind
    provider: str
    month: str
    new: Value
    old: Value = None
    source_id: str | None = None
    effort: str | None = None
    old_id: str | None = None
    new_id: str | None = None
    source: str | None = None
    start: datetime | None = None
    title: str | None = field(default=None, repr=False)
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    undoes: str | None = None

    @property
    def activity_id(self) -> int | None:
        """The id of the activity in the warehouse, or None if the change concerns no activity."""
        return int(self.effort) if self.effort is not None and self.effort.lstrip("-").isdigit() else None

    @property
    def field(self) -> str:
        """The field that it changes."""
        return FIELDS[self.kind]

    @property
    def id(self) -> str:
        """An id that depends on the new value and its place, not on the current value."""
        of = [self.kind, self.provider, self.source_id or self.effort, self.field, self.new_id or self.new, self.undoes]
        text = json.dumps(of, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]

    @property
    def value_before(self) -> Value:
        """The value that the target must have before the change: the id of gear, where gear has ids there."""
        return self.old_id if self._is_by_id else self.old

    @property
    def value_after(self) -> Value:
        """The value that the target must have after the change."""
        return self.new_id if self._is_by_id else self.new

    @property
    def _is_by_id(self) -> bool:
        return self.kind == "update_gear" and (self.old_id is not None or self.new_id is not None)

    def to_json(self) -> dict[str, Any]:
        """All fields, in JSON's types."""
        return {**asdict(self), "start": self.start.isoformat() if self.start else None}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Change":
        """The change in the output of `to_json`; unknown fields are ignored. Raises TypeError or ValueError."""
        known = {name: value for name, value in content.items() if name in cls.__dataclass_fields__}
        if known.get("kind") not in KINDS:
            raise ValueError("a change has no kind that is known")
        start = known.get("start")
        return cls(**{**known, "start": datetime.fromisoformat(start) if start else None})


def is_same(kind: Kind, one: Value, other: Value) -> bool:
    """Whether two values mean the same: texts are stripped and in Unicode's composed form, gear also ignores case.

    An empty text equals None. For rows and ids: whether `other` contains everything in `one`.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(is_same("update_name", value, other.get(name)) for name, value in one.items())
    one, other = (_comparable(value) for value in (one, other))
    if kind in ("update_gear", "create_gear") and isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return one == other


def _comparable(value: Value) -> Value:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value).strip() or None
    return value
