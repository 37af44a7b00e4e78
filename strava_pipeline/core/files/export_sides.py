"""What the small CSVs beside activities.csv tell: bikes and shoes, and whose archive it is. Pure.

Their columns have kept their places since they exist, so that no language matters. Names of persons are never read.
"""

import csv
import io
from dataclasses import dataclass

_BRAND, _MODEL = 1, 2


@dataclass(frozen=True, slots=True)
class ArchiveGear:
    """A bike or a pair of shoes. The archive has no id of it here; rows name it by its name."""

    kind: str  # bike or shoes
    name: str
    brand: str | None
    model: str | None


def read_gear(body: bytes, kind: str) -> tuple[ArchiveGear, ...]:
    """The rows of bikes.csv or shoes.csv: name, brand, model."""
    found = []
    for cells in _rows(body):
        name, brand, model = (*cells, "", "", "")[: _MODEL + 1]
        if not name.strip():
            name = " ".join(part for part in (brand.strip(), model.strip()) if part)
        if name:
            found.append(ArchiveGear(kind, name, brand or None, model or None))
    return tuple(found)


def read_athlete_id(body: bytes) -> int | None:
    """The athlete's id of profile.csv, its first cell."""
    for cells in _rows(body):
        if (first := cells[0].strip()).isascii() and first.isdigit():
            return int(first) or None
    return None


def _rows(body: bytes) -> list[list[str]]:
    reader = csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    return [cells for cells in reader if any(cells)][1:]
