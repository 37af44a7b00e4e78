"""XML as activity files have it: read as a stream, as far as it can be read, without following any of its instructions.

No entity is expanded, no document type loaded, nothing fetched; nesting and text are limited by libxml2. What an element means
is `gpx.py`'s and `tcx.py`'s.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from math import isfinite

from lxml import etree

from strava_pipeline.core.files.recording import Flag

HARMLESS = ("NS_ERR_UNDEFINED_NAMESPACE", "ERR_UNSUPPORTED_ENCODING", "WAR_ENCODING_MISMATCH", "WAR_NS_URI_RELATIVE")
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
        yield from (
            element for event, element in parser.read_events() if event == "end"
        )  # elements that the cut closed
        if any(fault.type_name not in HARMLESS for fault in parser.feed_error_log) and Flag.TRUNCATED not in self.flags:
            self.flags.add(Flag.DAMAGED)


def _forget(top: etree._Element | None) -> None:
    """Free what was read: of the elements that are still open, all children but the first ones and the last."""
    element = top
    while element is not None and len(element):
        del element[KEPT:-1]
        element = element[-1]


def _plain(content: bytes) -> bytes:
    """The text from the first element on, in one byte per character where it was in two."""
    text = content
    if encoding := next((each for start, each in _WIDE.items() if content.startswith(start)), None):
        wide = content.decode(encoding, errors="replace")  # its declaration names the encoding of two bytes
        text = re.sub(r"<\?xml[^>]*>", "", wide, count=1).encode(errors="replace")
    return text.lstrip(codecs.BOM_UTF8 + b" \t\r\n\0").rstrip(b" \t\r\n\0")


_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_ASIDE = re.compile(
    rb"<!--.*?-->|<\?.*?\?>", re.DOTALL
)  # comments and instructions, which may stand before and behind the root


def _ends(text: bytes, root: str) -> bool:
    """Whether the first element, which may lack the `root` that should be around it, is closed and none is open behind it."""
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
    """The text at the end of a path of names, without the space around it; None where there is none."""
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


def instant(value: str | None) -> datetime | None:
    """A time with its offset; one without is UTC, as both formats say. None where it can't be read."""
    try:
        read = datetime.fromisoformat(value.strip()) if value is not None else None
        if read is None:
            return None
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read
    except (ValueError, OverflowError):
        return None


def offset_s(at: datetime | None) -> float | None:
    """The local time's offset in seconds where the file gives one; `Z` gives none."""
    offset = at.utcoffset() if at is not None else None
    return offset.total_seconds() if offset else None
