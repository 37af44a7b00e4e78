"""lake.imports.activities: imports on disk and in gold, whole or not there, the same in whatever order the sources came."""

import os
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.sources import SOURCES
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.imports.activities import (
    EarlierIds,
    activities_folder,
    has_activities,
    remove_activities,
    write_activities,
)
from strava_pipeline.lake.imports.activities import imported_activities as imported_listings
from strava_pipeline.lake.imports.manifests import Import, ImportManifest, digest_of, imports, land_import
from strava_pipeline.lake.imports.merge import years_with_unmerged_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline_tests.lake.bronze import (
    DAY,
    HOUR,
    NOW,
    SECOND,
    YEARS,
    Watched,
    activity,
    listed,
    merge,
    merge_detailed,
    rows,
    rows_of,
)
from strava_pipeline_tests.lake.imports import Made, a_file, imported, landed, merge_imported

FILES = [a_file("activities.csv", "aa"), a_file("a.gpx", "bb", "activity"), a_file("ü\ud800.gpx", "cc", "activity")]


# --- manifests


def test_an_imports_digest_is_of_names_and_bytes_in_any_order() -> None:
    digest = digest_of(FILES)
    assert digest == digest_of(FILES[::-1]) == digest_of([FILES[1], FILES[2], FILES[0]])
    others = [FILES[:2], [], [*FILES[:2], a_file("c.gpx", "cc")], [a_file("activities.csv", "ab"), *FILES[1:]]]
    swapped = [a_file("activities.csv", "bb"), a_file("a.gpx", "aa"), FILES[2]]
    assert len({digest, *map(digest_of, others), digest_of(swapped)}) == 6


def test_what_comes_again_has_the_digest_of_the_earlier_import(lake: Lake) -> None:
    one = landed(lake, *FILES[:2])
    again = ImportManifest(came_as="another name.zip", kind="folder", received_at=NOW + DAY, files=FILES[1::-1])
    assert digest_of(again.files) == one.digest
    assert [(each.name, each.digest) for each in imports(lake)] == [(one.name, digest_of(FILES[:2]))]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"came_as": 5}', b"\xff\xfe\x00", bytes(500)], ids=range(6))
def test_a_damaged_manifest_is_none_and_its_import_lands_anew(lake: Lake, body: bytes) -> None:
    one = landed(lake, *FILES[:2])
    (lake.imports / one.name / "manifest.json").write_bytes(body)
    assert list(imports(lake)) == []
    again = landed(lake, *FILES[:2], at=NOW + DAY)
    assert [each.name for each in imports(lake)] == [again.name]
    assert again.name != one.name


def test_what_else_lies_among_imports_is_none(lake: Lake) -> None:
    one = landed(lake, *FILES[:1])
    (lake.imports / "a folder").mkdir()
    (lake.imports / "a file").write_bytes(b"x")
    assert [each.name for each in imports(lake)] == [one.name]


# --- the activities of an import


def test_activities_forgotten_are_out_of_sight_before_removal(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = imported(lake, *some(3)), imported(lake, *some(2, source="file"), at=NOW + DAY)
    unfinished = activities_folder(lake, one.name).with_name(f".{one.name}.tmp")
    unfinished.mkdir()

    def dies(path: Path, ignore_errors: bool = False) -> None:
        if path.exists():
            next(path.rglob("*.json*")).unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("strava_pipeline.lake.imports.activities.shutil.rmtree", dies)
        with pytest.raises(KeyboardInterrupt):
            remove_activities(lake, [one.name])
    assert [each.name for each in imported_listings(lake)] == [f"{other.name}-file"]
    remove_activities(lake, [one.name])
    assert [path.name for path in activities_folder(lake, other.name).parent.iterdir()] == [other.name]


def some(count: int, name: str = "Run", source: str = "strava_archive") -> list[Made]:
    return [
        Made(source, number, activity(number, name=f"{name} {number}"), {**activity(number), "description": "x"})
        for number in range(1, count + 1)
    ]


def names(lake: Lake) -> list[str]:
    """What all imports' pages hold."""
    return [item["name"] for each in imported_listings(lake) for _, page in each.listing.pages() for item in page]


def test_the_activities_of_an_import_are_listings_of_their_sources(lake: Lake) -> None:
    one = imported(lake, *some(1201), *some(2, "File", "file"))
    found = {each.source: each for each in imported_listings(lake)}
    assert found.keys() == {"strava_archive", "file"}
    assert [page.rows for page in found["strava_archive"].listing.manifest.pages] == [500, 500, 201, 0]
    assert len(found["strava_archive"].detail_pages()) == 3
    assert all(each.listing.manifest.complete for each in found.values())
    assert len(names(lake)) == 1203
    assert has_activities(lake, one.name)


def test_imports_without_an_activity_make_the_newest_year_due_until_their_files_are_merged(lake: Lake) -> None:
    def due() -> set[int]:
        return years_with_unmerged_imports(lake, YEARS)

    imported(lake, at=NOW)
    assert due() == {YEARS.newest}, "without a warehouse"
    with writing(lake):
        pass
    assert due() == {YEARS.newest}
    merge_imported(lake)
    assert due() == set()
    imported(lake, at=NOW + timedelta(hours=1))
    assert due() == {YEARS.newest}
    landed(lake, a_file(), at=NOW + timedelta(hours=2))
    assert due() == set(), "one is still to be read"


def test_what_a_killed_process_left_half_made_is_replaced(lake: Lake) -> None:
    one = landed(lake, *FILES[:1])
    half = lake.readings / "imports" / f".{one.name}.tmp" / f"{one.name}-strava_archive"
    half.mkdir(parents=True)
    (half / "page-0001.json.gz").write_bytes(b"half")
    assert (has_activities(lake, one.name), names(lake)) == (False, [])
    write_activities(lake, one, some(2), [], NOW, YEARS)
    assert names(lake) == ["Run 1", "Run 2"]
    assert [path.name for path in (lake.readings / "imports").iterdir()] == [one.name]


def test_made_anew_it_is_the_old_the_new_or_nothing_at_any_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may die before any change of the disk: nobody may then find half of an import."""
    one = imported(lake, *some(2))
    moment, died = 0, True
    while died:
        with monkeypatch.context() as patch:
            died = die_before(patch, moment)(lambda: write_activities(lake, one, some(3, "Ride"), [], NOW, YEARS))
        found = names(lake)
        assert found in ([], ["Run 1", "Run 2"], ["Ride 1", "Ride 2", "Ride 3"]), moment
        assert has_activities(lake, one.name) == bool(found)
        write_activities(lake, one, some(2), [], NOW, YEARS)
        assert names(lake) == ["Run 1", "Run 2"]
        assert [path.name for path in (lake.readings / "imports").iterdir()] == [one.name]
        moment += 1
    assert moment > 10


def die_before(patch: pytest.MonkeyPatch, moment: int) -> Any:
    """Runs work until it is about to change the disk for the `moment`th time; whether it came to that."""
    count = 0

    class Death(BaseException):
        pass

    def watched(change: Any) -> Any:
        def outer(*args: Any, **more: Any) -> Any:
            nonlocal count
            if count == moment:
                raise Death
            count += 1
            return change(*args, **more)

        return outer

    def run(work: Any) -> bool:
        for name in ("unlink", "rmdir", "replace", "rename", "mkdir"):
            patch.setattr(os, name, watched(getattr(os, name)))
        try:
            work()
        except Death:
            return True
        return False

    return run


# --- sources, in every order


ID = 11
STARTS = {0: "2025-01-01T00:30:00Z", 1: "2024-12-31T23:30:00Z"}  # by the athlete's clock, by UTC: two years' folders


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Sources in any order, some twice: each with its local year and with its version of the activity."""
    sources = draw(st.lists(st.sampled_from(SOURCES), min_size=2, max_size=4))
    return [(source, draw(st.integers(0, 1)), draw(st.integers(0, 2))) for source in sources]


def take_in(lake: Lake, number: int, source: str, place: int, version: int) -> None:
    """One arrival of activity ID on disk."""
    at = NOW + number * HOUR
    item = activity(ID, "2025-01-01T00:30:00Z", start_date_local=STARTS[place], name=f"{source} {version}")
    detail = {**item, "description": f"{source} {version}", "laps": [{"lap_index": 1}] * (version + 1)}
    if source == "strava":
        listed(lake, [item, activity(99)], at=at)
        merge_detailed(lake, detail, at=at)
    else:
        has_detail = source != "running_page"
        imported(lake, Made(source, ID, item, detail if has_detail else None), at=at)


def gold(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    tables = ("activities_all", "activity_history", "activity_details", "activity_laps")
    return {
        table: [row for row in found if row["id" if table == "activities_all" else "activity_id"] == ID]
        for table, found in rows_of(lake, dict.fromkeys(tables, "1, 2")).items()
    }


def merge_all(lake: Lake) -> None:
    merge(lake, [2024, 2025])
    merge_imported(lake)


@pytest.mark.dear
@settings(max_examples=5)
@given(arrivals())
def test_in_whatever_order_sources_come_gold_is_the_same(arrived: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stepwise, at_once = Lake(Path(folder) / "stepwise"), Lake(Path(folder) / "at once")
        for number, arrival in enumerate(arrived):
            take_in(stepwise, number, *arrival)
            merge_all(stepwise)
            take_in(at_once, number, *arrival)
        merge_all(at_once)
        found = gold(stepwise)
        assert gold(at_once) == found
        rebuild(stepwise, YEARS, Watched())
        assert gold(stepwise) == found
    best = min((source for source, _, _ in arrived), key=SOURCES.index)
    of_best = [version for source, _, version in arrived if source == best]
    ((row,), history) = found["activities_all"], found["activity_history"]
    assert (row["source"], row["name"]) == (best, f"{best} {of_best[-1]}")
    assert {version["source"] for version in history} == {best}
    detailed = [source for source, _, _ in arrived if source != "running_page"]
    if detailed:
        of_details = min(detailed, key=SOURCES.index)
        newest = next(version for source, _, version in reversed(arrived) if source == of_details)
        (detail,) = found["activity_details"]
        assert (detail["source"], detail["description"]) == (of_details, f"{of_details} {newest}")
        assert len(found["activity_laps"]) == newest + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("strava", "strava_archive"),
        ("strava_archive", "strava"),
        ("running_page", "strava_json"),
        ("strava_archive", "file"),
        ("file", "file"),
    ],
)
def test_of_two_sources_the_better_one_counts_whichever_came_first(lake: Lake, first: str, second: str) -> None:
    take_in(lake, 0, first, 0, 0)
    merge_all(lake)
    take_in(lake, 1, second, 1, 1)
    merge_all(lake)
    best = min(first, second, key=SOURCES.index)
    version = 1 if best == second else 0
    (row,) = gold(lake)["activities_all"]
    assert (row["source"], row["name"], row["year"]) == (best, f"{best} {version}", 2025 - version)


@pytest.mark.parametrize("years", [[2024, 2025], [2025, 2024]])
def test_the_better_source_counts_whichever_year_is_merged_last(lake: Lake, years: list[int]) -> None:
    """It may have been asked first, and merged last: a run merges the years that it was told."""
    take_in(lake, 0, "strava", 0, 0)
    take_in(lake, 1, "strava_archive", 1, 1)
    for year in years:
        merge(lake, [year])
    (row,) = gold(lake)["activities_all"]
    assert (row["source"], row["year"]) == ("strava", 2025)
    assert [version["source"] for version in gold(lake)["activity_history"]] == ["strava"]


# --- what was deleted at Strava


GONE = NOW + 3 * HOUR + SECOND  # the second page, which has nothing more, is a second behind the first


@pytest.mark.dear
def test_a_tombstone_stays_though_an_archive_has_the_activity(lake: Lake) -> None:
    archived = some(6, "Archived")

    def archive(hour: int) -> None:
        imported(lake, *archived[hour : hour + 2], at=NOW + hour * HOUR)
        merge_all(lake)

    archive(0)
    listed(lake, [activity(number) for number in range(1, 7)], at=NOW + 1 * HOUR)
    merge_all(lake)
    archive(2)
    listed(lake, [activity(number) for number in (2, 4, 6)], at=NOW + 3 * HOUR)
    merge_all(lake)
    archive(4)
    found = {row["id"]: (row["deleted_at"], row["source"], row["name"]) for row in rows(lake)}
    gone = {number: GONE if number % 2 else None for number in range(1, 7)}
    assert found == {number: (at, "strava", f"Run {number}") for number, at in gone.items()}
    versions = [row for row in rows(lake, "activity_history") if gone[row["activity_id"]]]
    assert [(each["activity_id"], each["source"], each["valid_to"]) for each in versions] == [
        (number, "strava", GONE) for number in (1, 3, 5)
    ]
    before = rows(lake), rows(lake, "activity_history")
    rebuild(lake, YEARS, Watched())
    assert (rows(lake), rows(lake, "activity_history")) == before


def test_what_only_an_archive_has_is_not_gone_because_the_api_lacks_it(lake: Lake) -> None:
    imported(lake, *some(2, "Archived"))
    merge_all(lake)
    listed(lake, [activity(2)], at=NOW + HOUR)
    merge_all(lake)
    assert {row["id"]: (row["deleted_at"], row["source"]) for row in rows(lake)} == {
        1: (None, "strava_archive"), 2: (None, "strava")
    }  # fmt: skip


def an_import(lake: Lake, number: int, athletes: Mapping[str, int], *activities: Made, role: str = "list") -> Import:
    files = [a_file(sha256=f"{number:064}", role=role)]
    manifest = ImportManifest(
        came_as="a", kind="zip", received_at=NOW + number * HOUR, athletes=dict(athletes), files=files
    )
    one = land_import(lake, manifest)
    write_activities(lake, one, activities, [], NOW, YEARS)
    return one


def recorded(activity_id: int, source: str = "file", athlete_id: int | None = None) -> Made:
    named = {} if athlete_id is None else {"athlete": {"id": athlete_id}}
    return Made(
        source,
        activity_id,
        {**{key: value for key, value in activity(activity_id).items() if key != "athlete"}, **named},
    )


def test_of_whom_an_id_is_held_before_an_import(lake: Lake) -> None:
    came = [
        an_import(lake, 0, {"activities.csv": 1}, recorded(-5), recorded(-6, "strava_archive"), recorded(5)),
        an_import(lake, 1, {"one": 1, "two": 2}, recorded(-5, athlete_id=2), recorded(-7)),
        an_import(lake, 2, {}, recorded(-8, "strava_json", athlete_id=3), role="objects"),
        an_import(lake, 3, {}, recorded(-5), role="activity"),
    ]
    held = EarlierIds(lake, came)
    for number in (4, 0, 1, 2, 3):  # in whatever order imports ask
        before = held.before(number)
        assert before("file", -5) == [frozenset(), {1}, {1, 2}, {1, 2}, {1, 2}][number]
        assert before("strava_archive", -6) == (frozenset() if number == 0 else {1})
        assert before("strava_json", -8) == ({3} if number > 2 else frozenset())
        for source, other in (("file", -7), ("file", 5), ("file", -6), ("running_page", -5)):
            assert before(source, other) == frozenset()
