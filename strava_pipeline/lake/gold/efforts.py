"""The matched activities of some months with what each provider says of them, for comparing providers; working or published."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC
from itertools import groupby
from operator import itemgetter
from typing import Any

from strava_pipeline.core.changes.comparison import Effort, Said
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.sql import sql

_OF_EFFORT = itemgetter(slice(6))  # the first columns of the statement


def efforts(connection: Connection, months: Collection[str], accounts: Mapping[str, str | None]) -> Iterator[Effort]:
    """The efforts that are compared, the newest first.

    Args:
        months: the local ones of the starts, as 2026-10.
        accounts: the account whose rows count, by provider; rows of an earlier login can't be changed with this one.
    """
    parameters = {"months": sorted(months), "sources": list(accounts)}
    rows = connection.execute(sql("efforts"), parameters).fetchall()
    for (key, month, start, local, distance, sport), group in groupby(rows, key=_OF_EFFORT):
        effort = Effort(
            key=str(key),
            month=month,
            start=start and start.replace(tzinfo=UTC),
            local_start=local,
            distance=distance,
            sport=sport,
            said=tuple(_said(row) for row in group if row[6] is not None and row[8] == accounts[row[6]]),
        )
        if effort.is_compared:
            yield effort


def _said(row: tuple[Any, ...]) -> Said:
    provider, source_id, _, name, gear, elapsed, links, is_deleted, is_counted = row[6:]
    return Said(
        provider=provider,
        source_id=source_id,
        name=name,
        gear_id=gear,
        links=links or {},
        elapsed_time=elapsed,
        is_deleted=is_deleted,
        is_counted=is_counted,
    )
