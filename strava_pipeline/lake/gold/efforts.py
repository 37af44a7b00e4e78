"""The matched activities of some months with each provider's rows, for comparing providers; working or published."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC
from itertools import groupby
from operator import itemgetter
from typing import Any

from strava_pipeline.core.changes.comparison import Effort, Said
from strava_pipeline.core.changes.proposals import Alone, Facts, OriginalFile
from strava_pipeline.core.providers import spec_of
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.files import is_stored
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_OF_EFFORT = itemgetter(slice(11))  # the first columns of the statement


def efforts(connection: Connection, months: Collection[str], accounts: Mapping[str, str | None]) -> Iterator[Effort]:
    """The efforts to compare, the newest first.

    Args:
        months: the local ones of the starts, as 2026-10.
        accounts: the account whose rows count, by provider; rows of an earlier login can't be changed with this one.
    """
    by_hand = {name for name in accounts if spec_of(name).by_hand}
    parameters = {"months": sorted(months), "sources": list(accounts)}
    rows = connection.execute(sql("efforts"), parameters).fetchall()
    for (key, month, start, local, distance, sport, own_name, *own_gear, towns, counts), group in groupby(
        rows, key=_OF_EFFORT
    ):
        effort = Effort(
            key=str(key),
            month=month,
            start=start and start.replace(tzinfo=UTC),
            local_start=local,
            distance=distance,
            sport=sport,
            said=tuple(_said(row, by_hand) for row in group if row[11] is not None and row[13] == accounts[row[11]]),
            own_name=own_name,
            towns=[*filter(None, towns)],
            counts=counts,
            own_gear=(own_gear[0], own_gear[1]) if own_gear[0] else None,
        )
        if effort.is_compared:
            yield effort


def _said(row: tuple[Any, ...], by_hand: Collection[str]) -> Said:
    provider, source_id, _, name, gear, place, elapsed, is_deleted, is_counted = row[11:]
    return Said(
        provider=provider,
        source_id=source_id,
        name=name,
        gear_id=gear,
        place=place,
        elapsed_time=elapsed,
        by_hand=provider in by_hand,
        is_deleted=is_deleted,
        is_counted=is_counted,
    )


def effort_facts(connection: Connection, lake: Lake, keys: Collection[str], alone: frozenset[Alone]) -> Facts:
    """The facts that changes may need about the efforts with these keys. `alone`: as in `Facts`."""
    ids = [int(key) for key in keys]
    if not ids:
        return Facts(alone=alone)
    found = connection.execute(sql("effort_cells"), {"ids": ids})
    words = [column[0] for column in found.description][1:]
    cells = {key: dict(zip(words, values, strict=True)) for key, *values in found.fetchall()}
    return Facts(cells, original_files(connection, lake, ids), alone)


def original_files(connection: Connection, lake: Lake, ids: Collection[int]) -> dict[str, OriginalFile]:
    """The file on disk that a device wrote for each activity, the likeliest one, by the id as text."""
    files: dict[str, OriginalFile] = {}
    for key, sha256, name in connection.execute(sql("effort_files"), {"ids": list(ids)}).fetchall():
        if key not in files and is_stored(lake, sha256):
            files[key] = OriginalFile(sha256, name)
    return files
