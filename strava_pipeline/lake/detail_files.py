"""Bronze of details: the answers to `GET /activities/{id}`. How they lie on disk is answer_files.py's, and so is when one
that failed is asked for again.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from strava_pipeline.core.activities import FetchedDetail
from strava_pipeline.lake.answer_files import (
    AnswerFiles,
    answer_files,
    failed_among,
    land_answer,
    land_evidence,
    newest_json,
    set_aside,
)
from strava_pipeline.lake.listings import answer_times
from strava_pipeline.lake.paths import Lake


def land_detail(lake: Lake, year: int, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    return land_answer(lake, lake.details_of(year), activity_id, body, at)


def land_failure(lake: Lake, year: int, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put the evidence of a failure on disk."""
    return land_evidence(lake, lake.details_of(year), activity_id, body, status, at)


def detail_files(lake: Lake, year: int) -> dict[int, AnswerFiles]:
    """Every activity of the year's folder that has an answer on disk, by id."""
    return answer_files(answer_times(lake), [lake.details_of(year)])


def failed_files(lake: Lake, years: Iterable[int] | None = None, *, ids: Iterable[int] = ()) -> list[AnswerFiles]:
    """The activities in the folders of `years` (None: of all), and those of `ids`, of which a failure is on disk.

    One whose year was edited lies in several folders; all of them count.
    """
    every = sorted(lake.details.glob("year=*"))
    chosen = every if years is None else [lake.details_of(year) for year in years]
    return failed_among(answer_times(lake), every, chosen, ids)


def count_on_disk(lake: Lake, year: int) -> int:
    """How many activities of the year's folder have an answer on disk, at a glance."""
    folder = lake.details_of(year)
    return sum(1 for _ in os.scandir(folder)) if folder.is_dir() else 0


def read_details(files: Iterable[AnswerFiles]) -> Iterator[FetchedDetail]:
    """The newest good answer of each, parsed. One that is damaged is set aside, so that it is fetched again."""
    for file in files:
        if file.good_at is not None:
            activity = newest_json(file)
            if isinstance(activity, dict) and activity.get("id") == file.activity_id:
                yield FetchedDetail(file.good_at, activity)
            else:
                set_aside(file)
