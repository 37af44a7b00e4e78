"""What is to be written into a table: cells, new rows, and rows that go. Which kind of file it is, is not known here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strava_pipeline.core.sheets.cells import Cell
from strava_pipeline.core.sheets.header import Column


@dataclass(frozen=True, slots=True)
class CellEdit:
    """A cell that gets another content; None clears it. `form`: its number format, where that changes too."""

    row: int
    column: Column
    new: Cell = field(repr=False)
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Refusals:
    """Why cells of a sheet can't be written, by address, and the number formats of all cells.

    Args:
        row: the number of a new row.
        no_rows: why none can be added; empty: one can.
    """

    cells: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict, repr=False)
    row: int = 0
    no_rows: str = ""


@dataclass(frozen=True, slots=True)
class Edits:
    """The edits of one table. Rows are numbered from 1, as before any of the edits.

    Args:
        header: the number of the header's row.
        known: the columns whose words are known.
        last: the last row with content in one of them.
        pattern: the last activity, whose formats new rows get; None: there is none.
        rows: new rows, in their order.
        removed: rows that go.
    """

    header: int
    known: Sequence[Column]
    last: int
    pattern: int | None
    cells: Sequence[CellEdit] = ()
    rows: Sequence[Mapping[Column, Cell]] = field(default=(), repr=False)
    removed: Sequence[int] = ()

    @property
    def above(self) -> int:
        """The last activity's row, or the header's where there is none: new rows belong below it."""
        return self.pattern or self.header
