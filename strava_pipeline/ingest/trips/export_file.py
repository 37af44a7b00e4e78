"""Reads an export of trips back from its file: a JSON array, one object, or an object per line.

What an export looks like is core's (Bundle.as_json, Bundle.from_json). Errors tell file and place, never content.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.ingest.trips.decrypt import parse

_MADE_BY = "an export is what `strava-pipeline trips activity export` writes"


def read_export(path: Path) -> list[Bundle]:
    """The bundles of an export, in its order. Raises MisuseError for a file that is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} can't be read ({error.strerror}).") from None
    return [_bundle(value, f"{path}, {place}") for place, value in _values(content.removeprefix(b"\xef\xbb\xbf"), path)]


def _values(content: bytes, path: Path) -> Iterator[tuple[str, Any]]:
    if not content.strip():
        raise MisuseError(f"{path} is empty; {_MADE_BY}.")
    try:
        whole = parse(content)
    except ValueError:
        yield from _lines(content, path)
        return
    entries = whole if isinstance(whole, list) else [whole]
    yield from ((f"trip {number}", entry) for number, entry in enumerate(entries, start=1))


def _lines(content: bytes, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", parse(line)
        except ValueError:
            raise MisuseError(
                f"{path} is no JSON, and line {number} by itself is none either (was it cut off?); {_MADE_BY}."
            ) from None


def _bundle(value: Any, where: str) -> Bundle:
    try:
        return Bundle.from_json(value)
    except ValueError as error:
        raise MisuseError(f"{where}: {error}; {_MADE_BY}.") from None
