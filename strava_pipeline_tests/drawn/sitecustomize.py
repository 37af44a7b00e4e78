"""Python loads this first of all in a process that a test starts: what it draws ends in the digit that the environment names."""

import os
import random

drawn: list[int] = []  # how many bytes each time
_digit, _real = os.environ.get("DRAWN_DIGIT", ""), os.urandom


def _urandom(size: int) -> bytes:
    drawn.append(size)
    found = _real(size)
    return found[:-1] + bytes([found[-1] & 0xF0 | int(_digit, 16)]) if _digit and size else found


os.urandom = random._urandom = _urandom  # type: ignore[attr-defined]  # the latter is what the module secrets draws from
