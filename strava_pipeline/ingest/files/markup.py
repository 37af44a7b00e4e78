"""XML of activity files: read as a stream, as far as possible, without following any of its instructions.

No entity is expanded, no document type loaded, nothing fetched; nesting and text are limited by libxml2. The elements'
meaning is `gpx.py`'s and `tcx.py`'s.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from math import isfinite, nan

from lxml import etree

from strava_pipeline.core.files.recording import Flag

HARMLESS = ("NS_ERR_UNDEFINED_NAMESPACE", "WAR_NS_URI_RELATIVE")
"""Faults that lose no element: many programs write xsi:type without a declaration of xsi."""
CHUNK = 1 << 18  # bytes that are a tree at once
HEAD = 65_536  # bytes in which the first element stands, after whatever comments
KEPT = 100  # children: names and types come first


def pull_parser(tags: Sequence[str]) -> etree.XMLPullParser:
    """A parser of pieces that follows no instruction of the document; its events are the starts and ends of these elements."""
    return etree.XMLPullParser(
        events=("start", "end"),
        tag=tags,
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


class Markup:
    """The requested elements of a document, each whole and when it ends; `flags` are complete at the end."""

    def __init__(self, content: bytes, root: str, point: str, others: tuple[str, ...]) -> None:
        """`root`: the document's element; `point`: the element that must be whole; `others`: further elements."""
        text = _plain(content)
        text = text if root == "kml" else _with_points(text)  # KML separates coordinates by commas
        self.flags: set[Flag] = set()
        if not _ends(text, root):
            self.flags.add(Flag.TRUNCATED)
            text = _without_half(text, point)
        self._text, self._names = text, (point, root, *others)

    def __iter__(self) -> Iterator[etree._Element]:
        parser = pull_parser([f"{{*}}{name}" for name in self._names])
        top: etree._Element | None = None
        try:
            for start in range(0, len(self._text), CHUNK):
                parser.feed(self._text[start : start + CHUNK])
                for event, element in parser.read_events():
                    top = element.getroottree().getroot() if top is None else top
                    if event == "end":
                        yield element
                _forget(top)
            parser.close()
        except etree.LxmlError:
            self.flags.add(Flag.DAMAGED)
        # elements that the cut closed
        yield from (element for event, element in parser.read_events() if event == "end")
        if any(fault.type_name not in HARMLESS for fault in parser.feed_error_log) and Flag.TRUNCATED not in self.flags:
            self.flags.add(Flag.DAMAGED)


def _forget(top: etree._Element | None) -> None:
    """Free parsed elements: of those that are still open, all children but the first ones and the last."""
    element = top
    while element is not None and len(element):
        del element[KEPT:-1]
        element = element[-1]


def _plain(content: bytes) -> bytes:
    """The text from the first element on, as UTF-8, without the declaration, which may name another encoding."""
    text = content.lstrip(codecs.BOM_UTF8 + b" \t\r\n\0")
    if wide := next((each for mark, each in _WIDE.items() if content.startswith(mark)), None):
        text = content.decode(wide, errors="replace").encode(errors="replace")
    elif not _is_utf8(text):
        text = _decoded(text).encode(errors="replace")
    declared = _DECLARATION.match(text, 0, HEAD)
    return text[declared.end() if declared else 0 :].strip(b" \t\r\n\0")


def _is_utf8(text: bytes) -> bool:
    """Whether it is UTF-8, possibly damaged: in no other encoding do UTF-8's pairs of bytes occur by chance."""
    read = text.decode(errors="replace")
    return "\ufffd" not in read or not read.replace("\ufffd", "").isascii()


def _decoded(text: bytes) -> str:
    """The text in its declared encoding; if that is wrong, in that of Windows in the West."""
    declared = _DECLARATION.match(text, 0, HEAD)
    if declared is not None and declared[1] is not None:
        with suppress(LookupError, UnicodeError):
            # else two bytes were taken for one character
            if (read := text.decode(declared[1].decode())).startswith("<"):
                return read
    return text.decode("cp1252", errors="replace")


def _with_points(text: bytes) -> bytes:
    """The text with decimal points, if all of its decimal numbers have commas."""
    first = _DECIMAL.search(text)
    if first is None or first[2] == b"." or any(each[2] == b"." for each in _DECIMAL.finditer(text)):
        return text
    return _DECIMAL.sub(rb"\1.\3", text)


_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_DECLARATION = re.compile(rb"<\?xml\s(?:[^>]*?encoding\s*=\s*[\"']([\w.:-]+))?[^>]*>")
_DECIMAL = re.compile(rb"""((?:\bl(?:at|on)\s*=\s*["']|>)\s*[-+]?\d+)([.,])(\d+(?:[eE][-+]?\d+)?\s*["'<])""")
# comments and instructions, which may stand before and behind the root
_ASIDE = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)


def _ends(text: bytes, root: str) -> bool:
    """Whether the first element, which may lack the `root` around it, is closed and no element is open after it."""
    head = _ASIDE.sub(b"", text[:HEAD]).rstrip()
    first = re.search(rb"<([A-Za-z_][\w:.-]*)", head)
    if first is None:
        return False
    if head.rfind(b"<") == first.start():
        return head.endswith(b"/>")  # closed in itself
    closed = text.rfind(b"</" + first[1])
    end = text.find(b">", closed) + 1 if closed >= 0 else 0
    return end > 0 and (_local(first[1].decode()) == root or b"<" not in _ASIDE.sub(b"", text[end:]))


def _without_half(text: bytes, point: str) -> bytes:
    """The text without a tag or a point that was cut off in the middle: half a number is a wrong number."""
    tags = text[: text.rfind(b">") + 1]
    begun = tags.rfind(f"<{point}".encode())
    return tags[:begun] if begun > tags.rfind(f"</{point}>".encode()) else tags


@cache
def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2]


def local(tag: object) -> str:
    """An element's name without its namespace, declared or not; "" for an entity."""
    return _local(tag) if isinstance(tag, str) else ""


def child(element: etree._Element, name: str) -> etree._Element | None:
    return next((inner for inner in element if local(inner.tag) == name), None)


def text(element: etree._Element, *path: str) -> str | None:
    """The text at the end of a path of names, stripped, or None."""
    for name in path:
        found = child(element, name)
        if found is None:
            return None
        element = found
    return (element.text or "").strip() or None


def number(value: str | None) -> float | None:
    try:
        read = float(value) if value is not None else None
    except ValueError:
        return None
    return read if read is not None and isfinite(read) else None


def coordinate(value: str | None) -> float | None:
    """A latitude or longitude in degrees: NaN if unreadable, None if absent."""
    return None if value is None or not value.strip() else nan if (read := number(value)) is None else read


def instant(value: str | None) -> datetime | None:
    """A time with its offset; without one it is UTC, as both formats say. None if it can't be read."""
    try:
        read = _instant(value.strip()) if value is not None else None
        if read is None:
            return None
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read
    except (ValueError, OverflowError):
        return None


def _instant(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        if (parts := _LOOSE.fullmatch(value)) is None:
            raise
    year, month, day, hours, minutes, seconds, rest = parts.groups()
    midnight = datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T00:00:00{rest.upper()}")
    return midnight + timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))


_LOOSE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)[Tt ](1?\d|2[0-4]|0\d):([0-5]?\d):([0-5]?\d|60)(\D.*|)")
"""Stamps of one digit, in small letters, of the 24th hour, which XML allows, or of the 60th second, as rounding makes them."""


def offset_s(at: datetime | None) -> float | None:
    """The local time's offset in seconds if the file gives one; `Z` counts as none."""
    offset = at.utcoffset() if at is not None else None
    return offset.total_seconds() if offset else None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Reads the times of a track. `utc_offset_s`: of the first local time, or None without any."""

    utc_offset_s: float | None = None

    def time(self, written: str | None) -> int | None:
        """A time in microseconds since 1970, or None if it can't be read."""
        at = instant(written)
        if self.utc_offset_s is None:
            self.utc_offset_s = offset_s(at)
        return None if at is None else (at - _EPOCH) // timedelta(microseconds=1)
