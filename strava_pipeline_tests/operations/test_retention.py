"""STRAVA_API_KEEP_DAYS: what only Strava's API told leaves, nothing else does, and nothing that left is asked for again."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.deliveries import Queued
from strava_pipeline.core.tables import DETAIL_TABLES, TABLES
from strava_pipeline.lake.bronze.expired import Expired, expired_ids, limited_ids
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.files import packed, write_whole
from strava_pipeline.lake.gold.event_followup import sort_queue
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.retention import note_expired
from strava_pipeline.operations import merging
from strava_pipeline.operations import retention as module
from strava_pipeline.operations.retention import retention
from strava_pipeline.operations.years import year_range
from strava_pipeline_tests.contents import unpacked
from strava_pipeline_tests.rig import NOW, Rig, started

pytestmark = pytest.mark.slow

KEPT, DAYS = 7, 30
MARK = "Known by nobody else"
MOMENTS = ("ingestion_ts", "edited_at", "fetched_at", "athlete_id")


@pytest.fixture
def begin(tmp_path: Path, beginnings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts a rig with some activities of 2026, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def made(name: str, activities: int = 5, **settings: Any) -> Rig:
            (tmp_path / name).mkdir()
            more = {"first_year": 2025, **settings}
            return stack.enter_context(
                started(tmp_path / name, kept=beginnings, activities=activities, years=(2026, 2026), settings=more)
            )

        yield made


def live(rig: Rig) -> list[dict[str, int]]:
    """An archive of fourteen activities, three more that only the API tells of, then 30 days, a run every third one; its calls."""
    rig.import_files(rig.archive("export.zip"))
    for ago in (40, 30, 20):
        add(rig, NOW - timedelta(days=ago))
    rig.do("flow_backfill")
    rig.do("streams", bronze_streams={})
    calls = []
    for day in range(3, DAYS + 3, 3):
        now = NOW + timedelta(days=day)
        rig.control("clock", set=now.isoformat())
        if day % 6 == 0:
            add(rig, now - timedelta(hours=5))
        rig.calls()
        rig.do("flow", [2026])
        calls.append(rig.calls()["by_endpoint"])
    return calls


def add(rig: Rig, start: Any) -> int:
    key = rig.add(start, "Ride")
    rig.control("edit", id=key, set={"name": f"{MARK} {key}"})
    return key


def files_that_tell(rig: Rig, ids: Iterable[int]) -> set[str]:
    """The files of the data folder that hold what only the API told of these activities: names, or parts of polylines."""
    wanted = set(ids)
    maps = [each["map"] for each in rig.truth() if each["id"] in wanted]
    lines = [max(line.split("\\"), key=len) for each in maps for line in each.values() if len(str(line)) > 50]
    told = [text.encode() for text in (*(f"{MARK} {key}" for key in wanted), *lines)]
    files = [path for path in rig.settings.data_dir.rglob("*") if path.is_file()]
    return {
        path.name
        for path in files
        if any(text in content for content in unpacked(path) for text in told) or path.stem in map(str, wanted)
    }


def whole(rig: Rig) -> dict[str, list[Any]]:
    """The content of every table of activities."""
    names = [
        name for name in TABLES if name.startswith("activit") or name in ("imported_activities", "quarantine", "files")
    ]
    return rig.golds({name: f"SELECT * FROM {TABLES[name].stored} ORDER BY ALL" for name in names})


@pytest.mark.soak(part="days")
def test_after_thirty_days_only_what_others_tell_is_left(begin: Any) -> None:
    kept, limited = begin("kept", 14, refresh_calls=0), begin("limited", 14, refresh_calls=0, api_keep_days=KEPT)
    as_ever, with_it = live(kept), live(limited)
    archive_only = begin("archive", 14)
    archive_only.import_files(limited.folder / "export.zip")

    assert with_it == as_ever  # what has left is never asked for again
    assert dict(kept.gold("SELECT source, count(*) FROM activities_all GROUP BY 1")) == {"strava": 22}
    young = {key for (key,) in limited.gold("SELECT id FROM activities_all WHERE source = 'strava'")}
    left = {each["id"] for each in limited.truth()} - young
    assert len(young) == 2  # of the last seven days
    assert expired_ids(limited.lake) == left
    assert files_that_tell(kept, {each["id"] for each in kept.truth()})
    archived = {key for (key,) in archive_only.gold("SELECT id FROM activities_all")}
    assert not files_that_tell(limited, left - archived)
    for table, (there, here) in compared(archive_only, limited).items():
        assert here == there, table
    before = whole(limited)
    limited.do("rebuild")
    assert whole(limited) == before
    assert not files_that_tell(limited, left - archived)


def compared(archive_only: Rig, limited: Rig) -> dict[str, tuple[list[Any], list[Any]]]:
    """What a folder holds that only ever had the archive, beside what the archive tells in the other one, by table."""
    return {
        table: tuple(
            rig.gold(f"SELECT COLUMNS(lambda c: c NOT IN {MOMENTS}) FROM {table} WHERE source <> 'strava' ORDER BY ALL")
            for rig in (archive_only, limited)
        )
        for table in ("activities_all", *(TABLES[name].stored for name in DETAIL_TABLES))
    }


def at(rig: Rig, now: datetime) -> None:
    """A daily run at that moment by Strava's clock: this machine's is wrong by as much, until the first answer says so."""
    rig.control("clock", set=now.isoformat())
    rig.do("flow", [2026])


@pytest.mark.dear
def test_the_first_time_is_announced_and_waits_for_a_day(begin: Any) -> None:
    rig = begin("one", api_keep_days=KEPT)
    record_decisions(rig.lake, Expired(at=NOW, by="purge -1", ids=[-1], purged=-1))  # which is no limit's
    rig.do("flow_backfill")
    now = NOW + timedelta(days=8)
    at(rig, now)
    for _ in range(2):
        rig.do("flow", [2026])
        assert rig.one("SELECT count(*) FROM activities") == 5
    (told,) = notifications(rig.lake)
    assert "5 activities" in told.message
    assert "0 of them stay" in told.message
    looked = retention(rig.lake, KEPT, now + timedelta(minutes=1))
    assert looked is not None
    assert (looked.due, looked.staying, looked.expired) == (5, 0, 0)
    at(rig, now + timedelta(days=1))
    rig.do("flow", [2026])
    assert rig.one("SELECT count(*) FROM activities_all") == 0
    assert retention(rig.lake, KEPT, now + timedelta(days=1)) == replace(looked, due=0, expired=5, not_before=None)
    event = {max(expired_ids(rig.lake)): Queued(at=now)}
    assert not sort_queue(rig.lake, event, year_range(2025), now + timedelta(days=1)).due


def test_what_expired_may_come_in_again_once_a_person_says_so_and_what_was_purged_never(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)

    def left(*ids: int, **more: Any) -> set[int]:
        record_decisions(lake, Expired(at=NOW, by="a test", ids=[*ids], **more))
        return {*expired_ids(lake)}

    assert left(1, 2) | left(3, purged=3) == {1, 2, 3}
    assert left(readmits=True) == {3}
    assert (left(2), limited_ids(lake)) == ({2, 3}, {2})


STEPS = ("note_expired", "remove_from_bronze", "remove_from_gold", "publish", "make_insights")


@pytest.mark.dear
def test_a_run_that_dies_at_any_step_is_completed_by_the_next(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step, and by a run for which the setting is gone: what was recorded leaves all the same. One folder dies each time."""
    rig = begin("one", api_keep_days=KEPT)
    rig.import_files(rig.archive("export.zip"))
    alone = add(rig, NOW - timedelta(days=20))
    rig.do("flow_backfill")
    rig.do("streams", bronze_streams={})
    at(rig, NOW + timedelta(days=8))
    rig.do("flow", [2026])
    at(rig, NOW + timedelta(days=9))
    shutil.copytree(rig.lake.data_dir, rig.folder / "before", symlinks=True)
    told = rig.settings
    for step, is_lost in (*((step, False) for step in STEPS), ("remove_from_gold", True)):
        shutil.rmtree(rig.lake.data_dir)
        shutil.copytree(rig.folder / "before", rig.lake.data_dir, symlinks=True)
        rig.settings = told
        with monkeypatch.context() as patch:
            patch.setattr(module, step, dying_after(getattr(module, step)))
            with pytest.raises(KeyboardInterrupt):
                rig.do("flow", [2026])
        rig.settings = told.model_copy(update={"api_keep_days": None})
        if is_lost:
            shutil.rmtree(rig.lake.working.parent)  # and so a rebuild is due, of less than what is published
        (rig.run if is_lost else rig.do)("flow", [2026])
        assert rig.gold("SELECT DISTINCT source FROM activities_all") == [("strava_archive",)], (step, is_lost)
        assert not files_that_tell(rig, [alone]), (step, is_lost)
        if step in STEPS[2:4] and not is_lost:
            continue  # bronze is left as by a death at the step before
        before = whole(rig)
        rig.do("rebuild")
        assert whole(rig) == before, (step, is_lost)


def dying_after(step: Callable[..., object]) -> Callable[..., None]:
    def die(*args: Any, **more: Any) -> None:
        step(*args, **more)
        raise KeyboardInterrupt

    return die


@pytest.mark.dear
def test_an_archives_row_of_another_year_stays(begin: Any) -> None:
    """The start was edited after the archive was mailed: it stands in another partition than what the API told."""
    rig = begin("one", api_keep_days=KEPT, first_year=2024)
    starts = ("2024-06-01T10:00:00Z", "2026-02-01T10:00:00Z")
    edited = {rig.add(f"2025-06-01T1{place}:00:00+00:00", "Ride"): to for place, to in enumerate(starts)}
    rig.import_files(rig.archive("export.zip"))
    for key, to in edited.items():
        rig.control("edit", id=key, set={"start_date": to, "start_date_local": to})
    rig.do("flow_backfill")
    at(rig, NOW + timedelta(days=8))
    at(rig, NOW + timedelta(days=9))
    kept = f"SELECT id, source, year FROM activities WHERE id IN {tuple(edited)} ORDER BY id"
    for _ in range(2):
        rig.do("flow", [2026])
        assert rig.gold(kept) == [(key, "strava_archive", 2025) for key in sorted(edited)]
    before = whole(rig)
    rig.do("rebuild")
    assert whole(rig) == before


@pytest.mark.dear
def test_whoever_sets_it_again_is_told_again(begin: Any) -> None:
    rig = begin("one", api_keep_days=KEPT)
    rig.do("flow_backfill")
    at(rig, NOW + timedelta(days=8))
    rig.do("flow", [2026])
    rig.settings = rig.settings.model_copy(update={"api_keep_days": None})
    at(rig, NOW + timedelta(days=30))
    rig.settings = rig.settings.model_copy(update={"api_keep_days": KEPT})
    rig.do("flow", [2026])
    assert len(notifications(rig.lake)) == 2
    assert rig.one("SELECT count(*) FROM activities") == 5


@pytest.mark.dear
def test_what_a_run_died_with_before_gold_had_it_expires_from_shards(
    begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = begin("one", refresh_calls=0, api_keep_days=KEPT)
    rig.do("flow_backfill")
    at(rig, NOW + timedelta(days=8))
    at(rig, NOW + timedelta(days=9))
    rig.do("flow", [2026])
    now = NOW + timedelta(days=10)
    rig.control("clock", set=now.isoformat())
    late = add(rig, now - timedelta(hours=5))

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(merging, "merge_activities", die)
        with pytest.raises(KeyboardInterrupt):
            rig.do("flow", [2026])
    note_expired(rig.lake, {late}, now, "a test")
    rig.calls()
    rig.do("flow", [2026])
    assert "/activities/{id}" not in rig.calls()["by_endpoint"]
    assert rig.gold(f"SELECT id FROM activities_all WHERE id = {late}") == []


@pytest.mark.dear
def test_a_page_of_what_expired_that_a_crash_left_is_not_the_end(begin: Any) -> None:
    rig = begin("one", api_keep_days=KEPT)
    rig.do("flow_backfill")
    note_expired(rig.lake, {each["id"] for each in rig.truth()}, NOW, "a test")
    orphan = begin_listing(rig.lake, Window(mode="incremental", after=1, before=None), athlete_id=None, at=NOW)
    write_whole(orphan.folder / "page-0001.json.gz", packed(b"[]", NOW, 1))
    orphan.adopt_orphans(year_range(2025))
    assert not orphan.manifest.complete
    assert orphan.manifest.pages == []
