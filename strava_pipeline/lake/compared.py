"""What the published warehouse says of activities, for whoever lays an archive's list beside it. Reads only.

What is the same and what is not is decided in core/files/agreement.py.
"""

from strava_pipeline.core.files.agreement import GoldActivity, GoldFiles
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection

_KEYS = 3  # columns before the values: id, athlete_id, deleted_at; behind them are the names of the gear


def held_activities(connection: Connection) -> dict[int, GoldActivity]:
    """Every activity by its id, deleted ones included."""
    found = connection.execute(sql("compared_with_archives"))
    names = [column[0] for column in found.description][_KEYS:-1]
    return {
        row[0]: GoldActivity(row[0], row[1], row[2], dict(zip(names, row[_KEYS:-1], strict=True)), tuple(row[-1]))
        for row in found.fetchall()
    }


def stand_ins(connection: Connection) -> dict[int, int]:
    """By id, the activity that stands for it."""
    return dict(connection.execute(sql("stand_ins")).fetchall())


def held_files(connection: Connection) -> GoldFiles:
    """What came in by files, and all gear."""
    rows = connection.execute(sql("held_files")).fetchall()
    gear = connection.execute("SELECT name, nickname, brand_name, model_name FROM gear").fetchall()
    return GoldFiles(
        contents={sha256: content for sha256, content, _, _ in rows},
        names=frozenset(name.rpartition("/")[2] for _, _, names, _ in rows for name in names),
        of_activity=dict(connection.execute(sql("files_of_rows")).fetchall()),
        gear=[(tuple(name for name in names if name), brand, model) for *names, brand, model in gear],
        of_archives=any(of_archive for *_, of_archive in rows),
    )
