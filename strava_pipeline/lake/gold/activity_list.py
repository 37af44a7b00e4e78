"""The tables for pages that each publish fills: lists, bests, loads, zones, and `near_towns`.

A note records the state that the rows belong to. They are read often, and a publish writes them once: a page that read
the view `activities` would take more time to plan than to read, and one that compares bests would find those of all
activities again. Towns are looked up once for each place where activities begin, to 0.01°.
"""

import hashlib
from functools import cache

from strava_pipeline.core.places import TOWNS_FILE
from strava_pipeline.core.tables.bests import ACTIVITY_BESTS
from strava_pipeline.core.tables.insights import TRAINING_ZONES
from strava_pipeline.core.tables.lists import ACTIVITY_LIST, NEAR_TOWNS
from strava_pipeline.core.tables.load import ACTIVITY_LOAD
from strava_pipeline.lake.gold.measured import MEASURED_NOTE, views_state
from strava_pipeline.lake.gold.notes import MADE, begin_change, note, noted
from strava_pipeline.lake.gold.warehouse import Connection, one_number, transaction
from strava_pipeline.lake.sql import bests_statement, list_statement, load_statement, sql

LIST_NOTE = f"{MEASURED_NOTE}{ACTIVITY_LIST.name}"  # a part of the content's state (measured.py)
LIST_TABLES = tuple(table.name for table in (ACTIVITY_LIST, ACTIVITY_BESTS, ACTIVITY_LOAD, TRAINING_ZONES))
_READ_OFTEN = {
    "counted_activities": "*",
    "activities": "id, athlete_id, flagged, device_watts, average_heartrate, max_heartrate",
}
"""Views that bests and loads read again and again, and that take longer to plan than to read: a table hides each meanwhile."""
_TOWNS = f"{MADE}{NEAR_TOWNS.name}"  # of which file of towns


def sync_list(connection: Connection) -> bool:
    """Update the tables from the warehouse; returns whether they were outdated. Runs after everything else that a
    publish fills, `name_places` too.
    """
    if (state := _state(connection)) == noted(connection, LIST_NOTE):
        return False
    begin_change()
    with transaction(connection):
        connection.execute(list_statement())
        for name, columns in _READ_OFTEN.items():
            connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM strava.main.{name}")
        connection.execute(bests_statement())
        connection.execute(load_statement())  # of bests
        for name in _READ_OFTEN:
            connection.execute(f"DROP TABLE temp.{name}")
        note(connection, LIST_NOTE, state)
    return True


def _state(connection: Connection) -> str:
    """A hash of everything that the rows depend on."""
    inputs = (views_state(connection), _statements(), _towns_digest())
    return hashlib.blake2b(repr(inputs).encode(), digest_size=8).hexdigest()


def _statements() -> tuple[str, ...]:
    """What `sync_list` executes."""
    return list_statement(), bests_statement(), load_statement()


@cache
def _towns_digest() -> str:
    return hashlib.blake2b(TOWNS_FILE.read_bytes(), digest_size=8).hexdigest()


def name_places(connection: Connection) -> None:
    """Give each place where an activity begins its town, and delete other places. The file of towns takes 10 ms to read."""
    if noted(connection, _TOWNS) != _towns_digest():
        connection.execute(f"DELETE FROM {NEAR_TOWNS.name}")
        note(connection, _TOWNS, _towns_digest())
    connection.execute(sql("starting_places"))
    if one_number(connection, "SELECT count(*) FROM starting_places"):
        connection.execute(sql("near_towns"), {"towns": str(TOWNS_FILE)})
