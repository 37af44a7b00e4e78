"""Aligned columns of text, at most 100 characters wide. What stands in them is others'."""

from collections.abc import Collection, Sequence
from textwrap import wrap

WIDTH = 100
INDENT = "  "
_WIDEST = 34  # of a column that isn't the last


def columns(rows: Sequence[tuple[str, ...]], *, right: Collection[int] = (), indent: str = INDENT) -> list[str]:
    """Rows in aligned columns; what the last one has no room for goes on below it."""
    count = max(map(len, rows), default=0)
    cells = [tuple(cut(cell, _WIDEST) if place < count - 1 else cell for place, cell in enumerate(row)) for row in rows]
    widths = [max((len(row[place]) for row in cells if place < len(row)), default=0) for place in range(count)]
    lines = []
    for row in cells:
        told = [
            cell.rjust(widths[place]) if place in right else cell.ljust(widths[place]) for place, cell in enumerate(row)
        ]
        start = indent + "".join(cell + "  " for cell in told[:-1])
        last = row[-1] if count - 1 not in right else told[-1]
        pieces = wrap(
            last, max(WIDTH - len(start), 20), drop_whitespace=count - 1 not in right, break_on_hyphens=False
        ) or [""]
        lines += [f"{start}{pieces[0]}".rstrip(), *(" " * len(start) + piece for piece in pieces[1:])]
    return lines


def cut(cell: str, width: int) -> str:
    """A cell that is too wide, with an ellipsis."""
    return cell if len(cell) <= width else cell[: width - 1] + "…"
