"""Text that others wrote, for a terminal and as JSON: what would steer the one or turn a line around is shown instead of done.

A name may hold anything: ESC begins a command to the terminal (ECMA-48, 5.4; C1 alone does, too), a bidirectional override
shows a line in another order than it has (Unicode Standard Annex 9, 2.2 and 2.4).
"""

import json
from typing import Any

_C1 = range(0x7F, 0xA0)  # DEL before them
_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(0x20), *_C1) if chr(code) not in "\n\t"} | {
    code: f"\\u{code:04x}" for code in _TURNING
}
_IN_JSON = {code: f"\\u{code:04x}" for code in (*_C1, *_TURNING)}  # what stands below 0x20, JSON escapes itself


def printable(text: str) -> str:
    """`text` with escapes in place of what would steer a terminal; line ends and tabs stay."""
    return text.translate(_SHOWN)


def counted(number: int, noun: str) -> str:
    """A number of things: "1 file", "2 files", "1,200 activities"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def json_line(value: Any) -> str:
    """`value` as JSON in one line, which reads back as it was; UTF-8 but for what would steer a terminal."""
    return escaped_json(json.dumps(value, ensure_ascii=False))


def escaped_json(text: str) -> str:
    """The same for what is JSON already."""
    return text.translate(_IN_JSON)
