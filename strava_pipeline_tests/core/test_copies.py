"""core.copies: restic's list of snapshots, and which of them have had their time."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.copies import CopySnapshot, newest, outdated

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def made(*ago: timedelta) -> list[CopySnapshot]:
    return [CopySnapshot(f"{number}", NOON - each, "nas", frozenset(), ()) for number, each in enumerate(ago)]


def test_of_a_copy_every_hour_for_three_years_days_weeks_and_months_stay() -> None:
    every = made(*(timedelta(hours=hour) for hour in range(3 * 365 * 24)))
    gone = {each.id for each in outdated(every, NOON)}
    kept = [each.at for each in every if each.id not in gone]
    days = [NOON, *(datetime(2026, 3, 10, 23, tzinfo=UTC) - timedelta(days=day) for day in range(1, 14))]
    assert kept[:14] == days
    assert len(kept) == 14 + 5 + 22, "of the 8 weeks 3 end within the days, of the 24 months 2"
    assert min(kept) == datetime(2024, 4, 30, 23, tzinfo=UTC)
    assert outdated([each for each in every if each.id not in gone], NOON) == []


def test_seldom_made_snapshots_all_stay() -> None:
    assert outdated(made(*(timedelta(days=40 * number) for number in range(20))), NOON) == []


def test_what_a_clock_dated_ahead_neither_goes_nor_takes_a_place() -> None:
    ahead, *others = made(timedelta(days=-365), *(timedelta(hours=hour) for hour in range(24 * 30)))
    gone = outdated([ahead, *others], NOON)
    assert ahead not in gone
    assert gone == outdated(others, NOON)
    assert newest([ahead, *others], NOON) == others[0]
    assert outdated([ahead, *others], NOON - timedelta(days=20_000)) == [], "a clock that was set back"


@pytest.mark.parametrize(
    ("tags", "kind", "folder", "name", "beside"),
    [
        (["api", "folder:ab", "name:anna", "beside:own+api"], "api", "ab", "anna", {"own", "api"}),
        (["own", "folder:ab"], "own", "ab", "", set()),
        (["own"], None, "", "", set()),
        (["folder:ab", "photos"], None, "ab", "", set()),
        (None, None, "", "", set()),
    ],
)
def test_tags_tell_it(tags: list[str] | None, kind: str | None, folder: str, name: str, beside: set[str]) -> None:
    item = {"id": "1f", "time": "2026-03-10T13:00:00.123456789+01:00", "hostname": "nas", "paths": ["/a"], "tags": tags}
    found = CopySnapshot.of(item)
    assert found.at == datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
    assert (found.kind, found.folder, found.name, found.beside) == (kind, folder, name, beside)
