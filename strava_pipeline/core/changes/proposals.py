"""What could be changed at providers, so that they agree: from compared efforts to changes that a person may approve. Pure.

Nothing is proposed that the person has not allowed for a provider, nor what a provider can't take. What was decided about a
proposal before is elsewhere (core/changes/states.py).
"""

from collections.abc import Iterable, Iterator, Sequence

from strava_pipeline.core.changes.comparison import Party, Row
from strava_pipeline.core.changes.records import Change


def proposals_of(rows: Iterable[Row], parties: Sequence[Party]) -> Iterator[Change]:
    """The changes of each effort, in the order of the rows."""
    for row in rows:
        for party in parties:
            yield from _names(row, party)


def _names(row: Row, party: Party) -> Iterator[Change]:
    cell = row.cells[party.name]
    if row.name_from is None or "name" not in party.write or cell.name_status not in ("wrong", "missing"):
        return
    if not cell.present:
        return
    effort, name = row.effort, row.cells[row.name_from].name
    yield Change(
        kind="update_name",
        provider=party.name,
        month=effort.month,
        new=name,
        old=cell.name,
        source_id=cell.source_id,
        effort=effort.key,
        source=row.name_from,
        start=effort.start,
        title=name,
    )
