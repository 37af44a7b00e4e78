"""lake.rebuild: shards and gold anew from bronze, equal to what they were, wherever it is broken off."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strava_pipeline.core import tables
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.tables import ACTIVITIES_ALL, TABLES, Column, Kind
from strava_pipeline.lake import rebuild as rebuilding
from strava_pipeline.lake.bronze.answers import land_athlete, land_gear
from strava_pipeline.lake.gold.merge_details import merge_profile, sync_kudos
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import connect, reading, writing
from strava_pipeline.lake.imports.merge import merge_details
from strava_pipeline.lake.made import shards
from strava_pipeline.lake.made.shards import holdings, shard_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import ensure_current, rebuild
from strava_pipeline_tests.lake.bronze import (
    ALL,
    DAY,
    HOUR,
    NOW,
    YEARS,
    Activity,
    Watched,
    activity,
    copied,
    detailed,
    listed,
    merge,
    queried,
    rows,
    rows_of,
)
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.patience import PATIENCE

pytestmark = pytest.mark.slow

SOAK = pytest.mark.soak(part="kills")
DETAILS = "activity_details"
MOST_SHARDS = 5  # of a year before they are merged, in place of a month's
Life = tuple[dict[str, Any], list[dict[str, Any]]]
STEPS = ("write_shards", "merge_activities", "merge_details", "_put_in_place", "unmark", "sync_folder", "publish")


def flow(lake: Lake, *page: Activity, at: Any, details: dict[int, list[Activity]] | None = None) -> None:
    """What a daily run does with a listing and some details."""
    listed(lake, list(page), at=at)
    merge(lake)
    for year, found in (details or {}).items():
        detailed(lake, *found, year=year, at=at + HOUR)
        merge_details(lake, [year])
    with writing(lake) as connection:
        merge_profile(connection, lake)
        sync_kudos(connection, lake, list(ALL))
    publish(lake)


@pytest.fixture(scope="module", autouse=True)
def few_shards() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARDS_PER_YEAR", MOST_SHARDS)
        yield


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    """A lake after a life: edits and edits taken back, kudos given and withdrawn, a late upload, years that were edited
    back and forth, details fetched again with fewer laps, gear, and a year of so many listings that they were merged."""
    lake = new_lake(tmp_path_factory.mktemp("lived") / "data")
    first, moved, old = activity(1), activity(2, "2025-12-31T10:00:00Z"), activity(3, "2021-05-05T06:00:00Z")
    land_athlete(lake, b'{"id": 7, "firstname": "A"}', NOW)
    land_gear(lake, "b1", b'{"id": "b1", "name": "Bike"}', NOW)
    land_gear(lake, "g2", b"", NOW, gone=True)
    flow(lake, first, moved, old, at=NOW, details={2025: [activity(1, laps=[{}, {}]), moved], 2021: [old]})
    flow(lake, activity(1, name="B", kudos_count=9), moved | {"start_date_local": "2026-01-01T01:00:00Z"}, at=NOW + DAY)
    flow(lake, activity(1, name="B", kudos_count=7), activity(4, "2024-01-01T06:00:00Z"), at=NOW + 2 * DAY)
    flow(lake, activity(1, name="A again"), moved, at=NOW + 3 * DAY, details={2025: [activity(1, laps=[{}])]})
    for number in range(4, MOST_SHARDS + 4):
        listed(lake, [activity(1, name="AB"[number % 2]), moved | {"kudos_count": number % 3}], at=NOW + number * DAY)
    flow(lake, first, at=NOW + (MOST_SHARDS + 4) * DAY)
    flow(lake, activity(1, name="last"), at=NOW + (MOST_SHARDS + 5) * DAY)
    assert sorted(path.name.count("merged") for path in shard_files(lake, 2025)) == [0, 1]
    return lake


@pytest.fixture
def published(lived: Lake, untouched: Lake) -> Lake:
    """A copy of it."""
    return copied(lived, untouched)


def everything(lake: Lake) -> dict[str, Any]:
    return rows_of(lake, {name: ", ".join(table.key) for name, table in TABLES.items()})


def without_marks(tables: dict[str, Any]) -> dict[str, Any]:
    """A listing that lost a page proves no deletion any more."""
    return {
        name: [{k: v for k, v in row.items() if k not in ("deleted_at", "valid_to")} for row in found]
        for name, found in tables.items()
    }


def shown(lake: Lake) -> list[dict[str, Any]]:
    with snapshot(lake) as connection:
        return queried(connection, "SELECT id, name FROM activities ORDER BY id")


@pytest.fixture(scope="module")
def life(lived: Lake) -> Life:
    """What it holds, and what is shown of it."""
    return everything(lived), shown(lived)


def ensure(lake: Lake) -> bool:
    return ensure_current(lake, YEARS, Watched())


def the_same(lake: Lake) -> None:
    rebuild(lake, YEARS, Watched())


def lose_nothing(lake: Lake) -> None: ...


def lose_the_file(lake: Lake) -> None:
    shutil.rmtree(lake.working.parent)


def lose_the_shards(lake: Lake) -> None:
    shutil.rmtree(lake.shards)


def lose_all_but_bronze(lake: Lake) -> None:
    lose_the_shards(lake)
    shutil.rmtree(lake.snapshot.parent)


def lose_the_file_and_look(lake: Lake) -> None:
    lose_the_file(lake)
    with reading(lake):
        pass  # whoever looks makes a new, empty file


def update_the_tables(lake: Lake) -> None:
    with writing(lake) as connection:
        connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
        connection.execute("ALTER TABLE activities_all DROP COLUMN commute")


LOSSES = [lose_the_file, lose_all_but_bronze, lose_the_file_and_look, update_the_tables]


@pytest.mark.closed
@pytest.mark.parametrize("lose", LOSSES)
def test_what_was_lost_is_made_anew_and_is_equal(
    published: Lake, life: Life, lose: Callable[[Lake], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (before, seen), merged = life, []
    lose(published)
    with in_the_middle(monkeypatch, "_put_in_place", lambda: merged.extend(everything(published.remade)[DETAILS])):
        assert ensure(published)
    assert len(merged) == len(before[DETAILS]) > 0, "before the lock for which other runs wait"
    assert everything(published) == before
    assert shown(published) == seen
    assert not ensure(published)


@pytest.mark.parametrize("lose", [lose_nothing, lose_the_shards])
def test_a_rebuild_on_demand_makes_all_anew_and_equals_what_was_there(
    published: Lake, life: Life, lose: Callable[[Lake], None]
) -> None:
    (before, seen), held = life, holdings(published, 2025)
    old = [path for year in ALL for path in shard_files(published, year)]
    for path in old:
        os.utime(path, (1, 1))
    lose(published)
    watched = Watched()
    rebuild(published, YEARS, watched)
    assert everything(published) == before
    assert shown(published) == seen
    assert holdings(published, 2025) == held
    assert not [path for path in old if path.exists() and path.stat().st_mtime == 1], "shards too"
    assert watched.totals == {"Writing shards": 9 + 2 * MOST_SHARDS + 2, "Merging details": 3}
    assert watched.steps == watched.totals
    assert sorted(path.name for path in published.working.parent.iterdir()) == ["strava.duckdb"]


def test_where_nothing_was_lost_nothing_is_done(published: Lake) -> None:
    assert not ensure(published)
    assert not ensure(Lake(published.data_dir / "another"))


@pytest.mark.parametrize(
    ("step", "again"),
    [
        pytest.param(step, again, marks=SOAK if step in ("merge_activities", "unmark", "sync_folder") else ())
        for step, again in zip(STEPS, [ensure, the_same] * 4, strict=False)
    ],
)
@pytest.mark.parametrize("lose", [lose_nothing, pytest.param(update_the_tables, marks=SOAK)])
def test_a_rebuild_that_is_broken_off_goes_on_and_shows_nothing_half(
    published: Lake,
    life: Life,
    step: str,
    lose: Callable[[Lake], None],
    again: Callable[[Lake], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, seen = life
    lose(published)

    def killed(*args: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(rebuilding, step, killed)
        with pytest.raises(KeyboardInterrupt):
            rebuild(published, YEARS, Watched())
    assert shown(published) == seen
    again(published)
    publish(published)  # as the run does that looked first
    assert everything(published) == before
    assert shown(published) == seen
    assert not ensure(published)


DIE = """
import os, signal, sys
from pathlib import Path
from strava_pipeline.lake import files, rebuild
from strava_pipeline.lake.made import shards
from strava_pipeline.lake.gold import merge_details, publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import YEARS
from strava_pipeline_tests.lake.test_rebuild import MOST_SHARDS, Watched

shards.SHARDS_PER_YEAR = MOST_SHARDS
modules = {"shards": shards, "merge_details": merge_details, "rebuild": rebuild, "publish": publish}
module, name, nth = modules[sys.argv[2]], sys.argv[3], int(sys.argv[4])
whole, calls = getattr(module, name), 0

def die(*args, **named):
    global calls
    calls += 1
    if calls == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*args, **named)

setattr(module, name, die)
rebuild.rebuild(Lake(Path(sys.argv[1])), YEARS, Watched())
"""
DEATHS = [
    ("shards", "_write", 3),
    pytest.param("shards", "_drop_what_is_held_twice", 1, marks=SOAK),
    pytest.param("shards", "_merge", 1, marks=SOAK),
    ("merge_details", "_merge_answers", 1),
    pytest.param("rebuild", "exclusively", 1, marks=SOAK),
    pytest.param("rebuild", "log_of", 1, marks=SOAK),
    ("rebuild", "sync_folder", 1),
    ("publish", "sync_folder", 1),
]


@pytest.mark.parametrize(("module", "name", "nth"), DEATHS, ids=lambda part: str(part))
def test_a_kill_at_any_moment_loses_nothing(published: Lake, life: Life, module: str, name: str, nth: int) -> None:
    before, seen = life
    command = [sys.executable, "-c", DIE, str(published.data_dir), module, name, str(nth)]
    assert subprocess.run(command, check=False, timeout=PATIENCE, env=os.environ).returncode == -signal.SIGKILL
    assert shown(published) == seen
    ensure(published)
    publish(published)
    assert everything(published) == before
    assert shown(published) == seen
    assert len(shard_files(published, 2025)) <= MOST_SHARDS + 1


@contextmanager
def in_the_middle(monkeypatch: pytest.MonkeyPatch, step: str, happens: Callable[[], None]) -> Iterator[None]:
    """`happens` once, just before the rebuild's step."""
    whole, done = getattr(rebuilding, step), []

    def interrupted(*args: Any, **named: Any) -> Any:
        if not done:
            done.append(True)
            happens()
        return whole(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, step, interrupted)
        yield


@pytest.mark.parametrize(
    "step",
    ["merge_activities", "_put_in_place", *(pytest.param(it, marks=SOAK) for it in ("write_shards", "merge_details"))],
)
def test_what_a_run_does_meanwhile_is_there_after(published: Lake, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    late = [activity(1, name="newest", kudos_count=40), activity(99, "2026-05-05T06:00:00Z")]

    def run() -> None:
        if step != "merge_activities":  # within a transaction of the rebuild, a run waits
            flow(published, *late, at=NOW + 90 * DAY, details={2026: [late[1] | {"laps": [{}]}]})
        else:
            listed(published, late, at=NOW + 90 * DAY)
            detailed(published, late[1] | {"laps": [{}]}, year=2026, at=NOW + 90 * DAY + HOUR)

    with in_the_middle(monkeypatch, step, run):
        rebuild(published, YEARS, Watched())
    merge(published)  # as the run goes on to do
    assert {found["id"] for found in rows(published)} == {1, 2, 3, 4, 99}
    assert len(rows(published, "activity_laps", "1")) == 2
    assert rows(published)[0]["name"] == "newest"
    assert rows(published, "activity_details")[0]["kudos_count"] == (0 if step == "merge_activities" else 40)


def test_a_rebuild_waits_for_another_and_says_so(published: Lake) -> None:
    held = "import sys\nfrom pathlib import Path\nfrom strava_pipeline.lake.locks import locked\nfrom strava_pipeline.lake.paths import Lake\nwith locked(Lake(Path(sys.argv[1])), 'rebuild', who='a rebuild'):\n    print('held', flush=True)\n    sys.stdin.readline()\n"
    command = [sys.executable, "-c", held, str(published.data_dir)]
    watched = Watched()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        watched.say = lambda text: (watched.said.append(text), other.communicate("\n"))[0]  # type: ignore[method-assign]
        rebuild(published, YEARS, watched)
    assert "Waiting for a rebuild" in watched.said[0]


def lose_listings(lake: Lake) -> None:
    shutil.rmtree(lake.listings)
    lose_the_shards(lake)


def lose_a_detail(lake: Lake) -> None:
    shutil.rmtree(lake.details / "year=2021")


def lose_a_detail_behind_new_ones(lake: Lake) -> None:
    lose_a_detail(lake)
    detailed(lake, activity(77), activity(78))


@pytest.mark.parametrize("lose", [lose_listings, lose_a_detail, lose_a_detail_behind_new_ones])
def test_a_loss_is_refused_and_the_old_one_works_on(published: Lake, life: Life, lose: Callable[[Lake], None]) -> None:
    before, seen = life
    lose(published)
    with pytest.raises(PipelineError, match="published are not in bronze"):
        rebuild(published, YEARS, Watched())
    assert (everything(published), shown(published)) == (before, seen)
    assert not ensure(published), "no run is kept from its work"
    assert sorted(path.name for path in published.working.parent.iterdir()) == ["strava.duckdb"]


def test_fewer_laps_after_an_edit_are_no_loss(published: Lake) -> None:
    at = NOW + timedelta(days=100)
    with snapshot(published) as connection:
        laps = len(queried(connection, "SELECT * FROM activity_laps"))
    assert laps == 1
    detailed(published, activity(1), year=2025, at=at)  # a run that died before it published
    rebuild(published, YEARS, Watched())
    assert rows(published, "activity_laps", "1") == []


def test_shards_keep_what_bronze_has_lost(published: Lake) -> None:
    before = without_marks(everything(published))
    damaged, lost, *_ = sorted(published.listings.iterdir())
    (damaged / "page-0001.json.gz").write_bytes(b"garbage")
    shutil.rmtree(lost)
    for _ in range(2):
        rebuild(published, YEARS, Watched())
        assert without_marks(everything(published)) == before


def test_a_page_that_is_lost_takes_nothing_of_its_listing_s_shard_with_it(lake: Lake) -> None:
    listing = listed(lake, [activity(1), activity(2)], [activity(3)])
    merge(lake)
    (listing.folder / "page-0001.json.gz").unlink()
    rebuild(lake, YEARS, Watched())
    assert [row["id"] for row in rows(lake)] == [1, 2, 3]


def test_a_file_that_a_rebuild_of_another_version_left_is_no_hindrance(published: Lake, life: Life) -> None:
    before, _ = life
    for content in (b"", b"garbage" * 1000):
        published.remade.working.write_bytes(content)
        assert ensure(published)
        assert everything(published) == before
    connect(published.remade.working).execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'").close()
    assert ensure(published)
    assert everything(published) == before


def test_the_log_of_the_old_file_is_never_played_into_the_new_one(published: Lake, life: Life) -> None:
    before, _ = life
    wal = published.working.with_name("strava.duckdb.wal")
    shutil.rmtree(published.working.parent)
    published.working.parent.mkdir()
    wal.write_bytes(b"of a file that is no more")
    assert ensure(published)
    assert not wal.exists()
    assert everything(published) == before


def test_a_later_version_s_column_is_filled_from_bronze(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(lake, [activity(1, new="said all along")])
    merge(lake)
    publish(lake)
    columns = (*ACTIVITIES_ALL.columns, Column("new", Kind.TEXT, "new", source=("new",)))
    more = replace(ACTIVITIES_ALL, columns=columns)
    monkeypatch.setitem(tables.TABLES, "activities_all", more)
    monkeypatch.setattr("strava_pipeline.core.activities.ACTIVITIES_ALL", more)
    assert ensure(lake)
    with snapshot(lake) as connection:
        assert queried(connection, "SELECT new, extra FROM activities") == [{"new": "said all along", "extra": None}]
