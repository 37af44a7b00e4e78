"""Notifications for a person, a line each, until read or cleared: data/state/notifications.jsonl.

Runs add lines, a person marks them. The same one comes once a day. Nothing depends on the file: a damaged line is
skipped, a disk that refuses one stops nothing, and a rebuild does not bring it back. The newest ones are kept.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import orjson

from strava_pipeline.lake.files import append_line, write_whole
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake

Category = Literal["info", "warning", "error"]
_ID = re.compile(r"[0-9a-f]{1,15}")  # a number that a cursor can hold
DEVICES = "/devices"  # the link of a change in how devices agree, which the first page shows until it is read
KEPT = 500  # notifications: a month of a bad connection
LINES = 2000  # in the file: then it is rewritten with the kept ones
LONGEST = 1000  # characters of a message; Discord takes 2,000 in all
CLEARED_FOR = timedelta(days=2)  # a cleared one is remembered as long as the same could come once more that day


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification.

    Args:
        id: made from the day, the category and the subject, so that a repetition has the same id.
        at: when it was made (UTC).
        message: sentences without names or positions of activities.
        link: an address or a command that shows more, or None.
        run_id: the run that it is about.
        posted: whether it was sent to the address for alerts.
    """

    id: str
    at: datetime
    category: Category
    message: str
    link: str | None = None
    run_id: str | None = None
    read: bool = False
    cleared: bool = False
    posted: bool = False

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError("somebody wrote it by hand")

    @property
    def shown(self) -> dict[str, Any]:
        """Its fields for programs, without the id."""
        return {name: value for name, value in asdict(self).items() if name not in ("id", "cleared", "posted")}


def notify(
    lake: Lake,
    category: Category,
    message: str,
    at: datetime,
    *,
    about: str | None = None,
    link: str | None = None,
    run_id: str | None = None,
) -> None:
    """Store a notification, unless the same came today. A disk that refuses it stops nothing.

    `about`: the subject that identifies it; by default the message.
    """
    of = f"{at:%Y-%m-%d} {category} {about or message}"
    words = message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
    made = Notification(hashlib.sha256(of.encode()).hexdigest()[:12], at, category, words, link, run_id)
    with suppress(OSError), locked(lake, "notifications"):
        lines, found = _read(lake)
        if made.id in found:
            return
        if lines >= LINES:
            _write(lake, found.values(), at)
        append_line(_path(lake), _line(made))


def notifications(lake: Lake) -> list[Notification]:
    """The notifications that nobody cleared, the newest first."""
    kept = [each for each in _read(lake)[1].values() if not each.cleared]
    return sorted(kept, key=lambda each: (each.at, each.id), reverse=True)[:KEPT]


def count_unread(lake: Lake) -> int:
    """The number of unread notifications. The file is read only if it has changed since the last question."""
    try:
        seen = _path(lake).stat()
    except OSError:
        return 0
    return _count_unread(lake, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=8)
def _count_unread(lake: Lake, changed_at: int, size: int) -> int:
    return sum(not each.read for each in notifications(lake))


def mark_notifications(lake: Lake, mark: Literal["read", "cleared", "posted"], ids: Collection[str]) -> None:
    """Mark notifications; unknown ids are skipped."""
    if ids:
        with locked(lake, "notifications"):
            append_line(_path(lake), orjson.dumps({"mark": mark, "ids": sorted(ids)}) + b"\n")


def forget_notifications(lake: Lake, ids: Collection[str]) -> None:
    """Remove the notifications whose words or link name one of the activities `ids`."""
    if not ids:
        return
    named = re.compile(rf"(?<!\d)({'|'.join(ids)})(?!\d)")
    with locked(lake, "notifications"):
        found = _read(lake)[1].values()
        kept = [each for each in found if not named.search(f"{each.message} {each.link}")]
        if len(kept) < len(found):
            write_whole(_path(lake), b"".join(map(_line, kept)))


def _read(lake: Lake) -> tuple[int, dict[str, Notification]]:
    """The number of lines, and the notifications by id, in order."""
    found: dict[str, Notification] = {}
    try:
        lines = _path(lake).read_bytes().splitlines()
    except FileNotFoundError:
        return 0, found
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):  # torn by a power cut
            content: dict[str, Any] = orjson.loads(line)
            if "mark" in content:
                mark: dict[str, Any] = {content["mark"]: True}
                found |= {each: replace(found[each], **mark) for each in content["ids"] if each in found}
            else:
                made = Notification(**{**content, "at": datetime.fromisoformat(content["at"])})
                found.setdefault(made.id, made)
    return len(lines), found


def _write(lake: Lake, known: Iterable[Notification], at: datetime) -> None:
    """Rewrite the file: the newest that nobody cleared, and those cleared lately."""
    cleared = [each for each in known if each.cleared and at - each.at < CLEARED_FOR]
    kept = sorted([*notifications(lake), *cleared], key=lambda each: each.at)
    write_whole(_path(lake), b"".join(map(_line, kept)))


def _line(made: Notification) -> bytes:
    return orjson.dumps(made) + b"\n"


def _path(lake: Lake) -> Path:
    return lake.state / "notifications.jsonl"
