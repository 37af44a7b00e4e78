"""Makes sessions of files and rows of archives for tests; fields that are not given are absent."""

from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.files.archive_csv import ArchiveRow, read_activities_csv
from strava_pipeline.core.files.export_columns import export_columns
from strava_pipeline.core.files.recording import RecordingSummary

BEGAN = datetime(2024, 7, 1, 8, tzinfo=UTC)

VALUES = {"truth": "true", "date": "Jul 1, 2024, 8:00:00 AM"}
WORDS = {
    "sport_type": "Trail Run",
    "filename": "activities/987654321.fit.gz",
    "media": "media/a.jpg|media/b.mp4",
    "gear_name": "Old Shoes",
    "start_time": "Jul 1, 2024, 7:59:58 AM",
}


def session(place: int = 0, **fields: Any) -> RecordingSummary:
    return RecordingSummary(place=place, **({"started_at": BEGAN} | fields))


def full_list(language: str = "en", **instead: str) -> bytes:
    """An activities.csv with one row that has something in every column that any archive ever had, and in one that none had.

    `instead`: other texts by the field's name.
    """
    headers, cells = ["A column of tomorrow"], ["as it is"]
    for number, column in enumerate(export_columns()):
        headers.append(column.name(language))
        text = VALUES.get(column.kind, f"{number + 3}") if column.kind != "text" else WORDS.get(column.field)
        cells.append(instead.get(column.field, text or f"words {number}"))
    return "\n".join(",".join(f'"{cell}"' for cell in line) for line in (headers, cells)).encode()


def full_row(**instead: str) -> ArchiveRow:
    """That row as it is read."""
    (row,) = read_activities_csv(full_list(**instead)).rows
    return row
