"""data/contributions: since when each activity counts, and with what, as each publish left it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.contributions import contribution_files
from strava_pipeline.lake.gold.corrections import CorrectionDecision
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.lookups.test_why import run, several

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=20)


def later(lake: Lake, days: int) -> Lake:
    return replace(lake, clock=lambda: NOW + timedelta(days=days))


def rows(lake: Lake) -> list[tuple[Any, ...]]:
    columns = "published_at::DATE - DATE '2026-11-01' AS day, activity_id, counts, distance_m, reason"
    moved = "WHERE reason <> 'unmoved' AND activity_id IS NOT NULL"
    query = f"SELECT {columns} FROM read_parquet({contribution_files(lake)}, union_by_name = true) {moved} ORDER BY ALL"
    return duckdb.connect().execute(query).fetchall()


def say(**words: Any) -> Callable[[Lake], None]:
    return lambda lake: record_decisions(lake, CorrectionDecision(at=NOW, by="a test", activity_id=1, words=words))


def come(lake: Lake) -> None:
    put(lake, [{**activity(3, "2026-10-03T08:00"), "ingestion_ts": NOW, "edited_at": NOW}])


CHANGES: dict[str, tuple[Callable[[Lake], None], tuple[Any, ...] | None]] = {
    # what is changed: the row that a publish a day later appends
    "nothing": (run(), None),
    "a name": (run("UPDATE activities_all SET name = 'x' WHERE id = 1"), None),
    "an edit": (
        run("UPDATE activities_all SET distance = 1000, edited_at = edited_at + INTERVAL 1 DAY WHERE id = 1"),
        (1, 1, True, 1000.0, "edited"),
    ),
    "another recording": (
        run("UPDATE activities_all SET distance = 1000 WHERE id = 1"),
        (1, 1, True, 1000.0, "measured"),
    ),
    "a correction": (say(distance=500.0), (1, 1, True, 500.0, "said")),
    "a word that it does not count": (say(counts=False), (1, 1, False, None, "counts_no_more")),
    "a deletion here": (say(deleted=True), (1, 1, False, None, "deleted")),
    "a deletion there": (
        run("UPDATE activities_all SET deleted_at = TIMESTAMP '2026-11-01' WHERE id = 1"),
        (1, 1, False, None, "gone"),
    ),
    "a join": (
        run(
            "INSERT INTO activity_members BY NAME SELECT * FROM (VALUES (2, 2, 0), (1, 2, 1)) AS rows (id, activity_id, place)"
        ),
        (1, 1, False, None, "joined"),
    ),
    "a late upload": (come, (1, 3, True, 20_000.0, "came")),
}


@pytest.fixture
def published(lake: Lake) -> Lake:
    put(
        lake,
        [{**activity(day, f"2026-10-0{day}T08:00"), "ingestion_ts": BEFORE, "edited_at": BEFORE} for day in (1, 2)],
    )
    publish(later(lake, 0))
    return lake


KNOWN = [(0, 1, True, 20_000.0, "known"), (0, 2, True, 20_000.0, "known")]


@pytest.mark.parametrize("what", CHANGES)
def test_a_publish_appends_what_counts_otherwise_and_why(published: Lake, what: str) -> None:
    change, row = CHANGES[what]
    change(published)
    publish(later(published, 1))
    assert rows(published) == [*KNOWN, *([row] if row else [])]


def test_what_counts_again_is_told_once_a_publish_and_a_new_year_has_a_file_of_its_own(published: Lake) -> None:
    for day, counts in ((1, False), (2, None), (70, False)):
        say(counts=counts)(published)
        publish(later(published, day))
        publish(later(published, day))
    assert rows(published)[2:] == [
        (1, 1, False, None, "counts_no_more"),
        (2, 1, True, 20_000.0, "counts_now"),
        (70, 1, False, None, "counts_no_more"),
    ]
    assert [Path(path).name for path in contribution_files(published)] == ["2026.parquet", "2027.parquet"]


def test_what_a_new_version_reads_otherwise_is_told_as_its_own(
    published: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorter = "UPDATE activities_all SET distance = distance - 1000 WHERE id = 1"
    monkeypatch.setattr("strava_pipeline.lake.gold.contributions.version", lambda: "another")
    run(shorter)(published)
    publish(later(published, 1))
    run(shorter)(published)
    publish(later(published, 2))
    say(distance=500.0)(published)
    publish(later(published, 3))
    assert rows(published)[2:] == [
        (1, 1, True, 19_000.0, "version"),
        (2, 1, True, 18_000.0, "measured"),
        (3, 1, True, 500.0, "said"),
    ]


def test_a_reason_is_told_by_what_changed_last(published: Lake) -> None:
    edit = "UPDATE activities_all SET {}, edited_at = edited_at + INTERVAL 1 DAY WHERE id = 1"
    for day, change in (
        (1, say(name="mine")),
        (2, run(edit.format("name = 'theirs'"))),
        (3, run("UPDATE activities_all SET distance = 1000 WHERE id = 1")),
        (4, run(edit.format("distance = 2000"))),
        (5, several(come, run("UPDATE activities_all SET distance = NULL WHERE id = 3"))),
        (6, run("DELETE FROM activities_all WHERE id = 3")),
        (7, come),
    ):
        change(published)
        publish(later(published, day))
    assert rows(published)[2:] == [
        (3, 1, True, 1000.0, "measured"),
        (4, 1, True, 2000.0, "edited"),
        (5, 3, True, None, "came"),
        (6, 3, False, None, "undone"),
        (7, 3, True, 20_000.0, "came"),
    ]


@pytest.mark.parametrize("days", [-9, 4000])
def test_a_wrong_clock_neither_repeats_rows_nor_hides_later_ones(published: Lake, days: int) -> None:
    for day, distance in ((days, 500.0), (2, 600.0), (3, 600.0)):
        say(distance=distance)(published)
        publish(later(published, day))
    found = sorted(row for row in rows(published) if row not in KNOWN)
    assert found == sorted([(days, 1, True, 500.0, "said"), (2, 1, True, 600.0, "said")])


def holed(whole: bytes) -> bytes:
    """Damaged within, at the values of the last column."""
    middle = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    return whole[: middle - 20] + bytes(20) + whole[middle:]


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PAR1PAR1", "within"])
def test_a_damaged_file_keeps_nobody_from_publishing_and_is_set_aside_alone(
    published: Lake, content: bytes | str
) -> None:
    say(distance=400.0)(published)
    publish(later(published, 70))
    path = published.contributions / "2027.parquet"
    path.write_bytes(content if isinstance(content, bytes) else holed(path.read_bytes()))
    (published.contributions / ".appended.tmp").write_bytes(b"x")
    say(distance=500.0)(published)
    assert publish(later(published, 71))
    assert rows(published) == [*KNOWN, (71, 1, True, 500.0, "said")]
    assert (published.contributions / "2027.damaged").exists()


def test_where_nothing_can_be_kept_it_is_published_all_the_same(published: Lake) -> None:
    before = (published.contributions / "2026.parquet").read_bytes()
    say(distance=500.0)(published)
    (published.contributions / ".appended.tmp").mkdir()
    assert publish(later(published, 1))
    assert (published.contributions / "2026.parquet").read_bytes() == before
    (published.contributions / ".appended.tmp").rmdir()
    run("UPDATE activities_all SET name = 'x' WHERE id = 2")(published)
    publish(later(published, 2))
    assert rows(published)[2:] == [(2, 1, True, 500.0, "said")], "by the next publish"
