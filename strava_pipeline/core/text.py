"""Making text safe to show: on a terminal, in a line of JSON, in an HTML page.

A foreign name may hold anything: ESC begins a command to the terminal (ECMA-48, 5.4; so does C1 alone), and a
bidirectional override shows a line in another order (Unicode Standard Annex 9, 2.2 and 2.4). Such characters are shown
as escapes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


_C1 = range(0x7F, 0xA0)  # DEL before them
_BIDIRECTIONAL = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(0x20), *_C1) if chr(code) not in "\n\t"} | {
    code: f"\\u{code:04x}" for code in _BIDIRECTIONAL
}
_IN_JSON = {code: f"\\u{code:04x}" for code in (*_C1, *_BIDIRECTIONAL)}  # JSON itself escapes everything below 0x20


def printable(text: str) -> str:
    """`text` with escapes for characters that would control a terminal; line ends and tabs stay."""
    return text.translate(_SHOWN)


def turns_direction(text: str) -> bool:
    """Whether it holds a mark that reverses the rest: a name could then seem to have another ending."""
    return any(ord(letter) in _BIDIRECTIONAL for letter in text)


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 file", "2 files", "1,200 activities"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def counts_that_matter(counts: Mapping[str, int]) -> str:
    """`2 failed, 1 given up` for `{"failed": 2, "given up": 1, "lost": 0}`: what is 0 is left out, "" if all is."""
    return ", ".join(f"{number:,} {words}" for words, number in counts.items() if number)


def some_of(names: Sequence[object], most: int) -> str:
    """The first few of many names in a sentence: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def at_minute(moment: datetime | None) -> str:
    """A moment of any zone in UTC to the minute, as "2026-03-04 06:31 UTC"; empty for None."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def wait_in_words(seconds: float) -> str:
    """A wait in words: "40 s", and from a minute on in minutes that are rounded up, "11 min", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(ceil(seconds / 60), 60)
    return " ".join(part for part, is_shown in ((f"{hours} h", hours), (f"{minutes} min", minutes)) if is_shown)


def is_record(value: Any) -> bool:
    """Whether a value has named fields: a mapping, or a dataclass's instance."""
    return isinstance(value, Mapping) or (is_dataclass(value) and not isinstance(value, type))


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a mapping or of a dataclass's instance, by name."""
    if isinstance(record, Mapping):
        return {str(name): each for name, each in record.items()}
    return {each.name: getattr(record, each.name) for each in fields(record)}


def plain(value: Any) -> Any:
    """A value in JSON's types: integers stay integers, instants are ISO with Z, types that JSON lacks become text."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None  # JSON has no word for NaN and Infinity
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_record(value):
        return {name: plain(each) for name, each in fields_of(value).items()}
    return str(value)


def json_line(value: Any) -> str:
    """`value` as one line of JSON that reads back the same; in UTF-8, with escapes for characters that would control a
    terminal.
    """
    return escaped_json(json.dumps(value, ensure_ascii=False))


def escaped_json(text: str) -> str:
    """A JSON text with escapes for characters that would control a terminal."""
    return text.translate(_IN_JSON)


@cache
def templates(package: str) -> "Environment":
    """The templates in a package's folder `page/`. They escape every value; an undefined name is an error."""
    from importlib.resources import files  # definitions need no page (docs/adr/0037)

    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files(package) / "page"
    return Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
