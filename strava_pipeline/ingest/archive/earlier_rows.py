"""Rows of earlier archives from Strava, for cells that are empty in a later one."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from strava_pipeline.core.files.archive_csv import ArchiveRow, filled_from_earlier
from strava_pipeline.core.files.objects import row_id


class EarlierRows:
    """The rows of earlier archives by activity; of two archives the later one's cells count first. Filled in order of arrival."""

    def __init__(self) -> None:
        self._archives: list[tuple[datetime, Callable[[], Iterable[ArchiveRow]]]] = []
        self._newest: datetime | None = None
        self._rows: dict[int, ArchiveRow] = {}

    def add(self, newest_start: datetime, rows: Callable[[], Iterable[ArchiveRow]]) -> None:
        """Add an archive that is complete up to `newest_start`; `rows` is called again where an older archive comes later."""
        self._archives.append((newest_start, rows))
        if self._newest is None or newest_start > self._newest:
            self._newest = newest_start
            _add_rows(self._rows, rows())
        else:
            self._rows = self._rows_until(self._newest)

    def before(self, newest_start: datetime) -> Mapping[int, ArchiveRow]:
        """The rows of the archives that are complete up to an earlier moment than `newest_start`, by `row_id`."""
        if self._newest is None or self._newest < newest_start:
            return self._rows
        return self._rows_until(newest_start - timedelta(microseconds=1))

    def _rows_until(self, moment: datetime) -> dict[int, ArchiveRow]:
        found: dict[int, ArchiveRow] = {}
        for newest_start, rows in sorted(self._archives, key=lambda archive: archive[0]):
            if newest_start <= moment:
                _add_rows(found, rows())
        return found


def _add_rows(known: dict[int, ArchiveRow], rows: Iterable[ArchiveRow]) -> None:
    """Put the rows of a later archive over those of earlier ones. Of two rows of one activity in one list the first counts."""
    seen: set[int] = set()
    for row in rows:
        if (key := row_id(row)) not in seen:
            seen.add(key)
            known[key] = filled_from_earlier(row, known[key]) if key in known else row
