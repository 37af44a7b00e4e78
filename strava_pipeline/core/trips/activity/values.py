"""What counts as a number in a trip's JSON (a finite int or float; no bool, no NaN, no numeric text), and both as text."""

import math
from typing import Any


def finite_number(value: Any) -> float | None:
    """The number that a value is; None where it is none, or one that no float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def clean_text(value: str) -> str:
    """The text, with `?` for what no UTF-8 holds: half a surrogate pair, which Python's JSON reader lets through."""
    return value.encode(errors="replace").decode()


def number_text(value: float) -> str:
    """As a person would type it, every digit kept: `35`, `0.05`."""
    return str(int(value)) if value == int(value) else repr(value)
