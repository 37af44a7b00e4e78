"""An inbox or a disk without room: 503 with the reason, nothing half kept, and on it goes when there is room again."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from strava_pipeline.lake import journal
from strava_pipeline.lake.journal import delete_read, unread
from strava_pipeline_tests.serve.client import Intake, event, intake
from strava_pipeline_tests.small_disk import SmallDisk, files_of_at_most


def test_a_full_inbox_is_told_and_takes_again_when_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FULL", 1000)
    with intake(tmp_path / "data", room=5000) as served:
        taken = []
        while len(taken) < 50 and (said := served.post(event(object_id=len(taken) + 1))).status == 200:
            taken.append(event(object_id=len(taken) + 1))
        assert (said.status, said.why) == (503, "the inbox is full: nobody reads it")
        assert len(taken) > 10
        health = served.get("/health")
        assert (health.status, b'"ok":false' in health.body) == (503, True)
        assert served.kept() == taken
        inbox = served.lake.inbox_webhooks
        delete_read(inbox, {line.segment: line.offset for line in unread(inbox, {})})
        assert served.get("/health").status == 200
        assert served.post(event()).status == 200
        assert served.kept()[-1] == event()


@pytest.mark.parametrize("free", [0, 1, 200])
def test_a_full_disk_is_told_keeps_no_part_and_takes_again(served: Intake, free: int) -> None:
    """Twice, and with events between: what failed once must not cost what was taken later."""
    kept = []
    for number in range(1, 4):
        assert served.post(event(object_id=number)).status == 200
        kept.append(event(object_id=number))
        largest = max(path.stat().st_size for path in served.lake.inbox_webhooks.iterdir())
        with files_of_at_most(largest + free):
            said = served.post(event(object_id=1000 + number))
        assert (said.status, said.why) == (503, "it could not be kept: File too large")
        assert served.kept() == kept


def test_health_tells_of_a_full_disk(tmp_path: Path, on_disk: Callable[[Path], SmallDisk]) -> None:
    disk = on_disk(tmp_path / "disk")
    with intake(disk.seen / "data") as served:
        said = [served.get("/health").status]
        disk.leave(0)
        taken: list[bytes] = []
        while len(taken) < 50 and served.post(event(object_id=len(taken))).status == 200:  # what its last page holds
            taken.append(event(object_id=len(taken)))
        said.append(served.get("/health").status)
        disk.empty()
        said += [served.get("/health").status, served.post(event(object_id=99)).status]
        assert said == [200, 503, 200, 200]
        assert served.kept() == [*taken, event(object_id=99)]


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_a_disk_that_fails_is_told_keeps_nothing_and_takes_again(
    served: Intake, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, broken)
        said = served.post(event())
    assert (said.status, said.why) == (503, "it could not be kept: No space left on device")
    assert served.told()["why"] == said.why
    assert served.kept() == []
    assert served.post(event(object_id=2)).status == 200
    assert served.kept() == [event(object_id=2)]


def test_a_folder_that_may_not_be_written_to_is_told(served: Intake) -> None:
    inbox = served.lake.inbox_webhooks
    inbox.parent.mkdir(parents=True)
    inbox.write_text("a file where the folder should be")
    said = served.post(event())
    assert said.status == 503
    assert said.why.startswith("it could not be kept: ")
    inbox.unlink()
    assert served.post(event()).status == 200


def test_an_inbox_that_was_deleted_is_begun_anew(served: Intake) -> None:
    assert served.post(event(object_id=1)).status == 200
    for path in served.lake.inbox_webhooks.iterdir():
        path.unlink()
    served.lake.inbox_webhooks.rmdir()
    assert served.post(event(object_id=2)).status == 200
    assert served.kept() == [event(object_id=2)]
