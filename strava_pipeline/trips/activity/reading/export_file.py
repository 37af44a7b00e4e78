"""Reads an export of trips back from its file: a JSON array, one object, or an object per line.

The format of an export is core's (Bundle.as_json, Bundle.from_json). Errors name file and place, never content.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.reading.columns import parse
from strava_pipeline.trips.activity.reading.read import batched
from strava_pipeline.trips.activity.rules.bundle import Bundle

_BOM = b"\xef\xbb\xbf"
_EXPECTED = "an export is what `strava-pipeline trips activity export` writes"


def read_export(path: Path) -> Iterator[list[Bundle]]:
    """The bundles of an export in its order, in batches. Raises MisuseError for any other file.

    A file by `export` has one trip per line and is never completely in memory; the text of another form of JSON is.
    """
    return batched(_bundle(value, f"{path}, {place}") for place, value in _values(path))


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        with path.open("rb") as file:
            if file.readline().removeprefix(_BOM).strip() == b"[" and _is_a_line(file.readline()):
                file.seek(0)
                yield from _array_by_lines(file, path)
                return
            file.seek(0)
            content = file.read().removeprefix(_BOM)
    except OSError as error:
        raise MisuseError(f"{path} can't be read ({error.strerror}).") from None
    if not content.strip():
        raise MisuseError(f"{path} is empty; {_EXPECTED}.")
    try:
        whole = parse(content)
    except ValueError:
        yield from _lines(content, path)
        return
    entries = whole if isinstance(whole, list) else [whole]
    yield from ((f"trip {number}", entry) for number, entry in enumerate(entries, start=1))


def _is_a_line(line: bytes) -> bool:
    try:
        return isinstance(parse(line.strip().removesuffix(b",")), dict)
    except ValueError:
        return False


def _array_by_lines(file: BinaryIO, path: Path) -> Iterator[tuple[str, Any]]:
    """`[`, a trip per line followed by a comma, `]`."""
    ended = False
    for number, line in enumerate(file, start=1):
        text = line.strip()
        if ended and text:
            raise MisuseError(f"{path}, line {number}: something follows the end of the array; {_EXPECTED}.")
        ended = ended or text == b"]"
        if number > 1 and text and not ended:
            try:
                yield f"trip {number - 1}", parse(text.removesuffix(b","))
            except ValueError:
                raise MisuseError(f"{path}, line {number} is no JSON (was it cut off?); {_EXPECTED}.") from None
    if not ended:
        raise MisuseError(f"{path} ends in the middle: it was cut off. Export again.")


def _lines(content: bytes, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", parse(line)
        except ValueError:
            raise MisuseError(
                f"{path} is no JSON, and line {number} by itself is none either (was it cut off?); {_EXPECTED}."
            ) from None


def _bundle(value: Any, where: str) -> Bundle:
    try:
        return Bundle.from_json(value)
    except ValueError as error:
        raise MisuseError(f"{where}: {error}; {_EXPECTED}.") from None
