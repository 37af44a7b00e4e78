"""The metadata keys that runs report: a reviewed file, metadata_keys.txt, so that a new key is read by somebody first.

Each line holds a key, two spaces and the meaning. `<…>` stands for a name that comes from the data or the settings.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

REVIEWED = Path(__file__).with_name("metadata_keys.txt")
_MEASURE = r"(distance_[a-z]+|elevation_gain_[a-z]+|moving_time_hours|activities)"


def reviewed() -> dict[str, str]:
    """Each key with its meaning, in the order of the file."""
    lines = [line for line in REVIEWED.read_text().splitlines() if line]
    return {key: meaning.strip() for key, _, meaning in (line.partition("  ") for line in lines)}


def unreviewed(keys: Iterable[str]) -> set[str]:
    """Those of `keys` that are not in the file."""
    return {key for key in keys if not _pattern().fullmatch(key)}


@cache
def _pattern() -> re.Pattern[str]:
    keys = (re.escape(key).replace("<measure>", _MEASURE) for key in reviewed())
    return re.compile("|".join(re.sub("<[a-z]+>", "[^/]+", key) for key in keys))
