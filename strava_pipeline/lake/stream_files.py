"""Bronze of streams: the answers to `GET /activities/{id}/streams`. How they lie is answer_files.py's.

An activity of which nothing was recorded is answered with 404: that is an answer, too, and is never asked for again.
"""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from strava_pipeline.core.activities import is_nothing_recorded
from strava_pipeline.lake.answer_files import AnswerFiles, answer_files, land_answer, land_evidence
from strava_pipeline.lake.files import unpacked
from strava_pipeline.lake.listings import answer_times
from strava_pipeline.lake.paths import Lake


def land_streams(lake: Lake, year: int, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    return land_answer(lake, lake.streams_of(year), activity_id, body, at)


def land_no_streams(lake: Lake, year: int, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put on disk what came in place of streams: the 404 of one without any, or the evidence of a failure."""
    return land_evidence(lake, lake.streams_of(year), activity_id, body, status, at)


def stream_files(lake: Lake, ids: Collection[int] | None = None) -> dict[int, AnswerFiles]:
    """Every activity (of `ids`, None: of all) that has an answer on disk. Its year may have been edited since."""
    return answer_files(answer_times(lake), sorted(lake.streams.glob("year=*")), ids)


def has_no_streams(files: AnswerFiles) -> bool:
    """Whether Strava's last word was that nothing was recorded."""
    return files.evidence is not None and is_nothing_recorded(files.status, _body(files.evidence))


def _body(path: Path) -> bytes:
    try:
        return unpacked(path)
    except (OSError, EOFError, ValueError):
        return b""
