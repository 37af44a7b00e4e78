"""operations.changes.undoing: the inverse of a change is made of what its last attempt found."""

from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.lake.changes import Outcome, record_outcome
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.undoing import _inverse
from strava_pipeline_tests.core.changes.test_records import ROW

AT = datetime(2026, 11, 1, tzinfo=UTC)


def test_an_undo_follows_the_attempt_that_wrote(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    none = Outcome(id=ROW.id, round=1, at=AT, result=None, message="a time-out")
    record_outcome(lake, none, None)
    record_outcome(
        lake, none.model_copy(update={"result": "applied", "source_id": "77", "restore": {"form": "0.0"}}), None
    )
    undo = _inverse(lake, ROW.id, ChangeState(ROW, 1, "applied", AT, AT))
    assert (undo.source_id, undo.details["restore"], undo.undoes) == ("77", {"form": "0.0"}, ROW.id)
