"""Days and nights in Dagster's runs: by a service's own job, by chosen years, and not at all unless they are wanted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.intervals_icu.client import IntervalsClient
from strava_pipeline.ingest.provider import Received
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.source_facts import source_facts
from strava_pipeline.orchestrate.jobs import jobs_of
from strava_pipeline_tests.providers.subjects import intervals_icu
from strava_pipeline_tests.rig import Rig

pytestmark = pytest.mark.slow


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with intervals_icu(monkeypatch) as found:
        monkeypatch.setattr(ServerClock, "sleep", lambda _, seconds: found.clock.advance(max(seconds, 0.0)))
        found.add("2025-09-01", "a ride")
        yield found


@pytest.fixture
def rig(make_rig: Any, service: Any, tmp_path: Path) -> Rig:
    (tmp_path / "providers.toml").write_text("[providers.intervals_icu]\nenabled = true\nwellness = true\n")
    found: Rig = make_rig(
        settings={"providers_config": tmp_path / "providers.toml", "first_year": 2023, **service.settings}
    )
    return found


def nights(rig: Rig) -> dict[date, float]:
    with snapshot(Lake(rig.settings.data_dir)) as connection:
        return dict(connection.execute("SELECT day, asleep_seconds FROM nights ORDER BY day").fetchall())


def asked(service: Any) -> list[str]:
    paths = [path.partition("?")[2] for _, _, path, _ in service.journal.log if "/wellness" in path]
    service.journal.log.clear()
    return paths


@pytest.mark.dear
def test_a_pull_brings_days_and_chosen_years_are_asked_for_whole(rig: Rig, service: Any, type_on: Any) -> None:
    days = [date(2023, 3, 26), date(2024, 10, 27), date(2026, 2, 27)]
    for day in days[1:]:
        service.put_day(day, asleep_seconds=25_000)
    said = type_on(rig)("providers", "pull", "intervals_icu")
    assert said.code == 0, said.err
    assert [*nights(rig)] == days[1:]
    assert [query[7:11] for query in asked(service)] == ["2026", "2025", "2024", "2023"]
    assert said.out.count("2 days and nights new or changed\n") == 1, said.out
    (news,) = [each.message for each in notifications(Lake(rig.settings.data_dir)) if each.category == "info"]
    assert news.endswith("activities: 1 new; 2 days and nights new or changed.")
    service.put_day(days[0], asleep_seconds=20_000)
    service.put_day(days[1])
    said = type_on(rig)("providers", "pull", "intervals_icu")
    assert (said.code, [*nights(rig)], len(asked(service))) == (0, days[1:], 1), "a quiet day looks at the last week"
    said = type_on(rig)("providers", "pull", "intervals_icu", "--years", "2023", "2024")
    assert (said.code, nights(rig)) == (0, {days[0]: 20_000, days[2]: 25_000})
    assert "25000" not in said.out + said.err


def test_without_the_word_nothing_is_asked_and_nothing_is_in_the_graph(rig: Rig, tmp_path: Path) -> None:
    def assets() -> set[str]:
        return {*jobs_of(rig.settings)["intervals_icu"].assets}

    theirs = {"bronze_intervals_icu_wellness", "day_values", "days", "nights"}
    assert theirs <= assets()
    (tmp_path / "providers.toml").write_text("[providers.intervals_icu]\nenabled = true\n")
    assert theirs.isdisjoint(assets())


@pytest.mark.dear
def test_a_year_from_before_the_account_is_asked_for_once_a_month_and_stops_nothing(
    rig: Rig, service: Any, type_on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = IntervalsClient._days

    def days(client: IntervalsClient, first: date, last: date) -> Iterator[Received]:
        if first.year < 2025:
            client._service.get("/athlete/0/nothing")  # 404
        return listed(client, first, last)

    monkeypatch.setattr(IntervalsClient, "_days", days)
    service.put_day(date(2025, 5, 1), asleep_seconds=25_000)
    said = type_on(rig)("providers", "pull", "intervals_icu")
    assert (said.code, [*nights(rig)]) == (0, [date(2025, 5, 1)])
    asked(service)
    assert type_on(rig)("providers", "pull", "intervals_icu").code == 0
    assert len(asked(service)) == 1
    said = type_on(rig)("providers", "pull", "intervals_icu", "--years", "2024")
    assert (said.code, said.err.count("Days and nights of intervals.icu: ")) == (0, 1), "a person is told"


@pytest.mark.dear
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 500, "times": 9},
        {"kind": "body", "body": {"a": 1}, "times": 9},
    ],
    ids=["refused", "an outage", "another shape"],
)
def test_days_that_do_not_come_are_a_line_and_activities_go_on(
    rig: Rig, service: Any, type_on: Any, fault: dict[str, Any]
) -> None:
    service.fail(path=service.lists.replace("activities", "wellness"), exact=False, **fault)
    said = type_on(rig)("providers", "pull", "intervals_icu")
    assert (said.code, said.err.count("Days and nights of intervals.icu: ")) == (0, 1), said.err
    asked(service)
    said = type_on(rig)("providers", "pull")
    is_refused = fault.get("status") == 403
    assert said.code == 0, said  # a run that was interrupted (SIGTERM) says that alone
    assert (said.err.count("Days and nights"), len(asked(service))) == ((0, 0) if is_refused else (1, 3)), said.err
    assert rig.one("SELECT count(*) FROM activities") == 1
    (told,) = [each.advice for each in source_facts(rig.settings, datetime.now(UTC)) if each.name == "wellness"]
    assert ("The next run goes on there" in told, "`strava-pipeline providers pull intervals_icu`" in told) == (
        (False, True) if is_refused else (True, False)
    )
    if is_refused:
        said = type_on(rig)("providers", "pull", "intervals_icu")
        assert (said.code, bool(asked(service))) == (0, True), "a person who names the service asks at once"
