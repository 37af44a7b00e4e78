"""A change: one value at one service, as it is and as it would be. How changes are found, decided and applied is elsewhere."""

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
"""A name, gear or a file as text, seconds, or the cells of a row by the words of its columns. None: there is none."""

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
"""What a change of each kind changes."""
ID_LENGTH = 16  # hex digits of a SHA-256: among 2^32 changes, two of one id are as likely as not


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that is or was proposed.

    Args:
        provider: where it would be written; `disk`, a person's own, for `download_file`.
        source_id: the activity at the provider, by its own id; None: it has none.
        effort: the id of the activity that all sources are, as text; None: the change is none of an activity.
        month: the athlete's local month of the start, as 2026-10.
        old, new: the value that is there, and the value that would be. Of gear: its names.
        old_id, new_id: of gear at a service, the ids of the pieces there; else None.
        source: the provider whose value `new` is; None: it is nobody's, such as an elapsed time that is computed.
        start: of the activity (UTC), for a person; None: unknown.
        title: of the activity, for a person.
        details: what the writer needs beside the value, in JSON's types, such as the hash of a file to upload.
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
        """The id of the activity in the warehouse; None: the change is none of an activity."""
        return int(self.effort) if self.effort is not None and self.effort.lstrip("-").isdigit() else None

    @property
    def field(self) -> str:
        """What it changes."""
        return FIELDS[self.kind]

    @property
    def id(self) -> str:
        """The same for the same value at the same place, whatever is there now."""
        of = [self.kind, self.provider, self.source_id or self.effort, self.field, self.new_id or self.new, self.undoes]
        text = json.dumps(of, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]

    @property
    def value_before(self) -> Value:
        """What a reading of the target has to find before the change: the id of gear, where gear has ids there."""
        return self.old_id if self._is_by_id else self.old

    @property
    def value_after(self) -> Value:
        """What a reading of the target has to find after the change."""
        return self.new_id if self._is_by_id else self.new

    @property
    def _is_by_id(self) -> bool:
        return self.kind == "update_gear" and (self.old_id is not None or self.new_id is not None)

    def to_json(self) -> dict[str, Any]:
        """All of it, in JSON's types."""
        return {**asdict(self), "start": self.start.isoformat() if self.start else None}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Change":
        """What `to_json` gave; fields that this version doesn't know are ignored. Raises TypeError or ValueError."""
        known = {name: value for name, value in content.items() if name in cls.__dataclass_fields__}
        if known.get("kind") not in KINDS:
            raise ValueError("a change has no kind that is known")
        start = known.get("start")
        return cls(**{**known, "start": datetime.fromisoformat(start) if start else None})


def is_same(kind: Kind, one: Value, other: Value) -> bool:
    """Whether two values say the same: texts without blanks around them and in Unicode's composed form, gear in any case.

    An empty text is None. Of rows and ids, whether `other` has what `one` says.
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
