"""Gear of several sources in the warehouse, working or published."""

from collections.abc import Sequence
from datetime import UTC

from strava_pipeline.core.gear_links import Piece
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.sql import sql


def gear_pieces(connection: Connection, sources: Sequence[str]) -> list[Piece]:
    """All gear of these sources: the pieces that they show, and those that activities name (not deleted ones)."""
    rows = connection.execute(sql("gear_pieces"), {"sources": list(sources)}).fetchall()
    return [
        Piece(source, gear_id, name, retired, activities, last and last.replace(tzinfo=UTC))
        for source, gear_id, name, retired, activities, last in rows
    ]
