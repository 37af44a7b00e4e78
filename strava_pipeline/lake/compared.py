"""What the published warehouse says of activities, for whoever lays an archive's list beside it. Reads only.

What is the same and what is not is decided in core/files/agreement.py.
"""

from strava_pipeline.core.files.agreement import Held
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection

_KEYS = 3  # columns before the values: id, athlete_id, deleted_at


def held_activities(connection: Connection) -> dict[int, Held]:
    """Every activity by its id, deleted ones included."""
    found = connection.execute(sql("compared_with_archives"))
    names = [column[0] for column in found.description][_KEYS:]
    return {
        row[0]: Held(row[0], row[1], row[2], dict(zip(names, row[_KEYS:], strict=True))) for row in found.fetchall()
    }


def stand_ins(connection: Connection) -> dict[int, int]:
    """By id, the activity that stands for it."""
    return dict(connection.execute(sql("stand_ins")).fetchall())
