"""What counts as a code: a short name that a program chose, such as `too_short`. All else is free text and may hold anything."""

import re
from typing import Any

FREE_TEXT = "(free text)"
_CODE = re.compile(r"(?=.{1,40}$)[A-Za-z]+(?:[._-][A-Za-z]+)*\d{0,2}")
_VERSION = re.compile(
    r"v?\d{1,4}(?:\.\d{1,2}|(?:\.\d{1,4}){2,3})?(?:[-+][A-Za-z]{1,10}\.?\d{0,3})?"
)  # two decimals: no degree


def code(value: Any) -> str | None:
    """The code that a value is; None for what is none."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def version(value: Any) -> str | None:
    """The version that a value is, such as `0.7.0`; None for what is none."""
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else None


def told_code(value: Any) -> str | None:
    """A code as it may be shown; of other text only that there is some. None where there is none."""
    if not isinstance(value, str) or not value.strip():
        return None
    return code(value) or FREE_TEXT
