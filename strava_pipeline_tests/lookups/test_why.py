"""lookups.why: a number is the sum of its rows, everything else of the period has a reason, and services' differences add up."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import strava_pipeline
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.insights.declared_numbers import NUMBERS, number_named
from strava_pipeline.core.tables import CUT_SUMMARIES
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.corrections import CorrectionDecision
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import Connection, mark_changed, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activity_list import Selection, activity_page
from strava_pipeline.lookups.reasons import REASONS
from strava_pipeline.lookups.why import ROWS, Why, contributions, why
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, Row, activity, many, put

AT = datetime(2026, 11, 28, tzinfo=UTC)
YEAR = Selection(first_on=date(2025, 1, 1), last_on=date(2025, 12, 31))
RIDES = Selection(first_on=date(2025, 1, 1), last_on=date(2025, 12, 31), sport="ride")


def elsewhere(row: Row, number: int, source: str, **more: Any) -> Row:
    """The same effort as another service has it."""
    return {**row, "id": number, "source": source, "source_id": str(number), **more}


BOTH, ONCE, EDITED, DOUBLED, LAST, SPORT = (
    activity(1, "2025-02-01T08:00"),
    activity(2, "2025-02-02T08:00", distance=30_000.0),
    activity(6, "2025-03-01T08:00", distance=25_000.0),
    activity(4, "2025-04-01T08:00", distance=40_000.0),
    activity(8, "2025-12-31T23:30", distance=7_000.0),
    activity(10, "2025-05-01T08:00", distance=12_000.0),
)
ROWS_2025 = [
    BOTH,
    elsewhere(BOTH, -1, "garmin", distance=20_100.0),
    ONCE,
    activity(-3, "2025-02-03T08:00", distance=5_000.0) | {"source": "garmin"},
    DOUBLED,
    elsewhere(DOUBLED, 5, "strava"),
    elsewhere(DOUBLED, -5, "garmin"),
    EDITED,
    elsewhere(EDITED, -6, "garmin", distance=20_000.0),
    activity(-7, "2025-06-01T08:00", sport_type="driving_general", distance=90_000.0) | {"source": "garmin"},
    LAST,
    elsewhere(LAST, -8, "garmin", start_date_local=datetime.fromisoformat("2026-01-01T00:30")),
    SPORT,
    elsewhere(SPORT, -10, "garmin", sport_type="Run"),
    activity(11, "2025-07-01T08:00", distance=9_000.0),  # waits until somebody says whether it is one with 12
    activity(12, "2025-07-01T08:00", distance=9_100.0),
    {**activity(13, "2025-07-02T08:00", distance=3_000.0), "deleted_at": AT},
    activity(14, "2025-07-03T08:00", distance=None, total_elevation_gain=None),
    {**activity(15, "2025-07-04T08:00", distance=99_000.0), "athlete_id": ME + 1},
    activity(16, "2025-07-05T08:00", distance=60_000.0, sport_type="Triathlon"),
    activity(17, "2025-07-05T08:10", distance=40_000.0),  # a leg of 16
    activity(18, "2025-07-06T08:00", distance=5e7),  # more than once around the earth
    activity(19, "2025-07-07T08:00", distance=100_000.0, sport_type="AlpineSki", total_elevation_gain=None),
    activity(20, "2024-07-07T08:00"),
]
MEMBERS = {1: (1, -1), 4: (4, 5, -5), 6: (6, -6), 8: (8, -8), 10: (10, -10)}


def put_matches(lake: Lake) -> None:
    """Which of ROWS_2025 are one, wait, or are a leg of another."""
    sources = {row["id"]: row["source"] for row in ROWS_2025}
    members = [
        {"id": key, "activity_id": one, "place": place, "source": sources[key]}
        for one, keys in MEMBERS.items()
        for place, key in enumerate(keys)
    ]
    put(lake, members, "activity_members")
    put(lake, [{"id": 11, "other_id": 12, "waiting_id": 11, "counted_id": 12}], "activity_matches")
    put(lake, [{"id": 16, "other_id": 17, "part_id": 17}], "activity_matches")


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    made = new_lake(tmp_path_factory.mktemp("why") / "data")
    put(made, ROWS_2025)
    put_matches(made)
    publish(made)
    return made


@contextmanager
def reading(lake: Lake) -> Iterator[Connection]:
    with snapshot(lake) as connection:
        yield connection


def explained(lake: Lake, name: str, selection: Selection = YEAR) -> Why:
    """The number with its explanation, of which everything that must add up does."""
    with reading(lake) as connection:
        found = why(connection, ME, NUMBERS[name], selection)
        (names,), rows = contributions(connection, ME, NUMBERS[name], selection)
        typed = connection.execute(found.statement).fetchall()
        of_all = connection.execute(
            "SELECT count(*) FROM activities_all WHERE coalesce(athlete_id, $me) = $me AND id NOT IN "
            "(SELECT id FROM activity_members WHERE place > 0) AND start_date_local BETWEEN '2025-01-01' AND '2026-01-01'",
            {"me": ME},
        ).fetchall()
    values = [row[names.index("value")] for row in rows]
    assert typed == [(found.number,)], "the shown statement is the number"
    assert sum(values) == pytest.approx(found.number or 0), "the file adds up to it"
    assert len(values) == found.activities
    if selection in (YEAR, RIDES):
        assert found.activities + sum(each.activities for each in found.excluded.values()) == of_all[0][0]
    for each in found.services.values():
        assert each is not None
        assert (found.number or 0) - each.value == pytest.approx(each.difference)
        assert sum(reason.value for reason in each.reasons.values()) == pytest.approx(each.difference)
    assert {*found.excluded, *found.changed} <= {*REASONS}
    return found


def by_reason(reasons: Any) -> dict[str, tuple[int, float]]:
    return {name: (each.activities, each.value) for name, each in reasons.items()}


def test_whatever_does_not_count_has_one_reason(stock: Lake) -> None:
    found = explained(stock, "distance")
    assert (found.number, found.activities, found.joined) == (308_100.0, 10, 5)
    assert [*found.rows][:2] == [8, 19], "the newest first"
    assert by_reason(found.excluded) == {
        "waiting": (1, 9_000.0),
        "gone": (1, 3_000.0),
        "lacking": (1, 0),
        "part": (1, 40_000.0),
        "drive": (1, 90_000.0),
        "impossible": (1, 0),
    }
    assert by_reason(explained(stock, "climb").excluded)["lacking"] == (2, 0), "nor what a lift carried"
    rides = explained(stock, "distance", RIDES)
    assert by_reason(rides.excluded)["sport"] == (2, 160_000.0)
    assert explained(stock, "days").number == 11


def test_each_difference_to_a_service_has_one_reason_and_they_add_up(stock: Lake) -> None:
    services = explained(stock, "distance", RIDES).services
    assert {name: each.value for name, each in services.items()} == {
        "strava": 20_000.0 + 30_000 + 2 * 40_000 + 25_000 + 7_000 + 12_000 + 9_000 + 9_100 + 40_000,
        "garmin": 20_100.0 + 5_000 + 40_000 + 20_000,
    }
    assert by_reason(services["strava"].reasons) == {
        "twice": (2, -49_000.0),
        "only_there": (1, -40_000.0),
        "only_here": (1, 5_000.0),
    }
    assert by_reason(services["garmin"].reasons) == {
        "only_here": (2, 39_100.0),
        "another_sport": (1, 12_000.0),
        "another_day": (1, 7_000.0),
        "field": (2, 4_900.0),
    }
    assert [each["activity_id"] for each in services["garmin"].reasons["field"].rows.values()] == [6, 1], (
        "the one that differs most is the first"
    )
    everything = explained(stock, "activities").services["garmin"]
    assert by_reason(everything.reasons)["only_there"] == (1, -1), "the drive"
    assert explained(stock, "load").services == {}, "no service says one"
    with reading(stock) as connection:
        for words, wanted in (({"WHY_SERVICES": False}, []), ({"STRAVA_API_KEEP_DAYS": 7}, ["strava"])):
            settings = Settings.model_validate({"STRAVA_DATA_DIR": stock.data_dir, **words})
            beside = why(connection, ME, NUMBERS["distance"], RIDES, settings=settings).services
            assert [name for name, each in beside.items() if each is None] == wanted, "Strava's is no longer known"
            assert bool(beside) is bool(wanted)
    tagged = explained(stock, "distance", Selection(tag="x"))
    assert tagged.services == {}, "no service knows your tags"


def leading(lake: Lake, name: str, activity_id: int) -> list[tuple[str, float | None, str | None]]:
    found = explained(lake, name, Selection(activity=activity_id))
    return [(row["source"], row["value"], row["leads"]) for row in found.sources.values()]


def test_a_value_of_an_activity_says_which_source_leads_by_which_rule(stock: Lake, tmp_path: Path) -> None:
    assert leading(stock, "distance", 6) == [("strava", 25_000, "first"), ("garmin", 20_000, None)]
    assert leading(stock, "distance", 14) == [("strava", None, None)]
    assert leading(stock, "distance", 999) == []
    shutil.copytree(stock.data_dir, tmp_path / "data")
    lake = Lake(tmp_path / "data")
    say(6, distance=22_000.0)(lake)
    put(lake, [activity(21, "2025-08-01T08:00", total_elevation_gain=None)])
    publish(lake)
    assert {rule for _, _, rule in leading(lake, "distance", 6)} == {"corrected"}
    assert by_reason(explained(lake, "distance", Selection(activity=6)).changed) == {"corrected": (1, -3000.0)}


def say(number: int, **words: Any) -> Callable[[Lake], None]:
    return lambda lake: record_decisions(lake, CorrectionDecision(at=AT, by="a test", activity_id=number, words=words))


def rule(text: str) -> Callable[[Lake], None]:
    return lambda lake: lake.rules.write_text(f"[[rule]]\n{text}\n", encoding="utf-8") and None


def cut(number: int, **left: float) -> Callable[[Lake], None]:
    """A person's cut of a track of 2025, as it is measured then."""

    def change(lake: Lake) -> None:
        say(number, cuts=["2025-02-02T08:50:00Z/2025-02-02T09:00:00Z"])(lake)
        path = lake.data_dir / CUT_SUMMARIES.name / "year=2025" / f"{CUT_SUMMARIES.name}.parquet"
        path.parent.mkdir(parents=True)
        pl.DataFrame([{"activity_id": number, "athlete_id": ME, **left}], CUT_SUMMARIES.polars_schema).write_parquet(
            path
        )

    return change


def run(*statements: str) -> Callable[[Lake], None]:
    def change(lake: Lake) -> None:
        with writing(lake) as connection:
            for each in statements:
                connection.execute(each)
            mark_changed(connection)

    return change


def several(*changes: Callable[[Lake], None]) -> Callable[[Lake], None]:
    def change(lake: Lake) -> None:
        for each in changes:
            each(lake)

    return change


JOIN = "INSERT INTO activity_members BY NAME SELECT * FROM (VALUES (2, 2, 0, 'strava'), (6, 2, 1, 'strava')) AS rows (id, activity_id, place, source)"
SPLIT = "DELETE FROM activity_members WHERE activity_id = 4"
CHANGES: dict[str, tuple[Callable[[Lake], None], dict[str, tuple[float, str | None, str | None]]]] = {
    # what changes: by number how it moves, the reason among what doesn't count that appears, and the one of what changed it
    "a distance": (say(1, distance=15_000.0), {"distance": (-5_000, None, "corrected"), "activities": (0, None, None)}),
    "a time": (say(1, moving_time=1800), {"time": (-1800, None, "corrected"), "distance": (0, None, None)}),
    "a sport": (say(2, sport_type="Run"), {"distance": (-30_000, "sport", None), "climb": (-150, "sport", None)}),
    "a sport of what was none": (
        say(-7, sport_type="Ride"),
        {"distance": (90_000, None, "own_sport"), "activities": (1, None, "own_sport")},
    ),
    "not to count": (say(2, counts=False), {"distance": (-30_000, "left_out", None), "days": (-1, "left_out", None)}),
    "to count": (say(11, counts=True), {"distance": (9_000, None, "counts"), "activities": (1, None, "counts")}),
    "deleted here": (say(2, deleted=True), {"distance": (-30_000, "deleted", None), "time": (-3600, "deleted", None)}),
    "said and taken back": (
        several(say(2, distance=1.0, counts=False), say(2, distance=None, counts=None)),
        {"distance": (0, None, None), "activities": (0, None, None), "time": (0, None, None)},
    ),
    "a rule that leaves out": (
        rule("when.max_distance_m = 7500\nthen.counts = false"),
        {"distance": (-12_000, "rule", None), "activities": (-2, "rule", None)},
    ),
    "a rule's sport": (
        rule('when.sport = "Triathlon"\nthen.sport_type = "Ride"'),
        {"distance": (60_000, None, "ruled_sport"), "climb": (150, None, "ruled_sport")},
    ),
    "a word above a rule": (
        several(rule("when.max_distance_m = 7500\nthen.counts = false"), say(8, counts=True), say(-3, counts=True)),
        {"distance": (0, None, "counts"), "activities": (0, None, "counts")},
    ),
    "a cut": (
        cut(2, distance=22_000.0, moving_time=3000),
        {"distance": (-8_000, None, "cut"), "time": (-600, None, "cut"), "activities": (0, None, None)},
    ),
    "two that are joined": (run(JOIN), {"distance": (-25_000, None, None), "activities": (-1, None, None)}),
    "one that is split": (run(SPLIT), {"distance": (80_000, None, None), "activities": (2, None, None)}),
    "gone from a service": (
        run("UPDATE activities_all SET deleted_at = TIMESTAMP '2026-01-01' WHERE id = 2"),
        {"distance": (-30_000, "gone", None), "time": (-3600, "gone", None)},
    ),
    "purged": (
        run("DELETE FROM activities_all WHERE id = 2"),
        {"distance": (-30_000, None, None), "activities": (-1, None, None)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_moves_the_number_and_its_explanation_together(stock: Lake, tmp_path: Path, change: str) -> None:
    shutil.copytree(stock.data_dir, tmp_path / "data")
    lake = Lake(tmp_path / "data")
    make, wanted = CHANGES[change]
    make(lake)
    publish(lake)
    for name, (moved, excluded, changed) in wanted.items():
        before, after = explained(stock, name, RIDES), explained(lake, name, RIDES)
        assert (after.number or 0) - (before.number or 0) == moved
        of_new = {
            key
            for key, each in after.excluded.items()
            if by_reason(before.excluded).get(key) != (each.activities, each.value)
        }
        assert excluded in {None, *of_new}
        assert changed in {None, *after.changed}
        if changed:
            assert all(row["value"] != row["told"] for row in after.changed[changed].rows.values())


def test_the_list_and_the_explanation_are_one_aggregate(new_lake: NewLake, tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "data")
    put(lake, many(300))
    put(lake, [{**activity(400, "2025-05-06T08:00"), "start_date": None, "start_date_local": None, "year": 2025}])
    publish(lake)
    assert explained(lake, "days", Selection()).excluded["lacking"].activities > 0, "what has no day makes none"
    for selection in (Selection(), Selection(sport="run"), Selection(gear="strava:b1", min_distance=1000.0), YEAR):
        with reading(lake) as connection:
            totals = activity_page(connection, selection, athlete_id=ME).totals
        for name, column in (
            ("distance", "distance"),
            ("time", "moving_time"),
            ("climb", "total_elevation_gain"),
            ("activities", "activities"),
        ):
            assert explained(lake, name, selection).number == totals[column]
    pages = [explained(lake, "activities", Selection())]
    with reading(lake) as connection:
        while pages[-1].next is not None:
            pages.append(why(connection, ME, NUMBERS["activities"], Selection(), first=pages[-1].next))
    rest = [key for page in pages[1:] for key in page.rows]
    assert len(pages) > 2
    assert len({*rest}) == len(rest)
    assert max(len(page.rows) for page in pages) == ROWS


def test_a_number_that_does_not_exist_is_a_sentence_that_says_where_all_are() -> None:
    with pytest.raises(MisuseError, match="schema why"):
        number_named("'; DROP TABLE activities")


def test_an_answer_is_json(stock: Lake) -> None:
    from strava_pipeline.verbs.output import json_line, plain

    answer = json.loads(json_line(plain(explained(stock, "distance", RIDES))))
    assert answer["services"]["garmin"]["reasons"]["field"]["rows"]["-6"]["there"] == 20_000


SUMS_OF_THEIR_OWN = {  # statement → what its sum is, if not a declared number
    "activity_list": "means and speeds of a list, beside its totals",
    "compared": "a check, which counts straight from the rows what files of insights say",
    "eddington_numbers": "a day's distance, of which days are counted",
    "gear_items": "what one service's own rows say of its piece",
    "gear_mileage": "what Strava says that gear has",
    "load_methods": "an order of rows",
    "records": "an order of groups",
    "sports_by_day": "an order of groups",
    "training_load": "fitness of all days in one pass, as the declared numbers of one day",
    "waiting": "what counts in nothing until somebody decides: a reason here",
}


def test_no_statement_adds_up_a_declared_number_by_itself() -> None:
    columns = "distance|distance_m|moving_time|moving_time_seconds|elevation_gain_m|total_elevation_gain|load"
    own = re.compile(rf"\bsum\((?:coalesce\()?(?:\w+\.)?(?:{columns})\b")
    folder = Path(strava_pipeline.__file__).parent
    paths = [*folder.glob("lake/sql/**/*.sql"), *folder.glob("lookups/sql/*.sql")]
    found = {path.stem for path in paths if own.search(path.read_text(encoding="utf-8"))}
    assert found == {*SUMS_OF_THEIR_OWN}, "write {total_…} instead, or say here what it adds up"


def test_what_strava_itself_shows_stands_beside_what_it_told(new_lake: NewLake, tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "data")
    put(lake, [{**BOTH, "visibility": "everyone"}, {**ONCE, "visibility": "followers_only"}, EDITED])
    put(lake, [activity(30, "2025-06-02T08:00", distance=8_000.0), activity(31, "2024-06-02T08:00", distance=9_000.0)])
    totals = {f"{span}_ride_totals": {"distance": metres} for span, metres in (("all", 55_000), ("ytd", 45_000))}
    stats = {"athlete_id": ME, "source": "strava", "stats": json.dumps(totals)}
    put(lake, [{**stats, "stats_at": datetime(2025, 6, 1, tzinfo=UTC)}], "athlete")
    publish(lake)
    ever, of_year = Selection(sport="ride"), Selection(first_on=date(2025, 1, 1), sport="ride")
    shown = explained(lake, "distance", ever).shown
    assert shown is not None
    assert {name: shown[name] for name in ("value", "told", "hidden", "hidden_activities", "later", "unexplained")} == {
        "value": 55_000,
        "told": 20_000 + 30_000 + 25_000 + 8_000 + 9_000,
        "hidden": 30_000,
        "hidden_activities": 1,
        "later": 8_000,
        "unexplained": 1_000,
    }
    for selection in (of_year, RIDES):
        assert explained(lake, "distance", selection).shown["unexplained"] == 0  # type: ignore[index]
    for name, selection in (
        ("time", ever),
        ("distance", Selection()),
        ("load", ever),
        ("distance", Selection(first_on=date(2025, 2, 1), sport="ride")),
    ):
        found = explained(lake, name, selection).shown
        assert found is None, "Strava shows no such total, or it is not among what came"
    with reading(lake) as connection:
        settings = Settings.model_validate({"STRAVA_DATA_DIR": lake.data_dir, "STRAVA_API_KEEP_DAYS": 7})
        assert why(connection, ME, NUMBERS["distance"], ever, settings=settings).shown is None


def test_what_moved_a_number_since_a_publish_adds_up_to_the_difference(new_lake: NewLake, tmp_path: Path) -> None:
    at = datetime(2025, 9, 1, 12, tzinfo=UTC)
    lake = replace(new_lake(tmp_path / "data"), clock=lambda: at)
    told = {"ingestion_ts": AT, "edited_at": AT}
    put(lake, [{**row, **told} for row in ROWS_2025])
    put_matches(lake)
    publish(lake)
    for day, change in (
        (2, say(2, distance=31_000.0)),
        (3, run("UPDATE activities_all SET distance = 26000, edited_at = edited_at + INTERVAL 1 DAY WHERE id = 6")),
        (4, say(-3, counts=False)),
        (5, run(SPLIT)),
        (6, say(16, sport_type="Ride")),
    ):
        change(lake)
        publish(replace(lake, clock=lambda day=day: at + timedelta(days=day)))
    put(lake, [{**activity(30, "2025-08-08T08:00", distance=2_500.0), **{name: AT + timedelta(9) for name in told}}])
    publish(replace(lake, clock=lambda: at + timedelta(days=9)))
    settings = Settings.model_validate({"STRAVA_DATA_DIR": lake.data_dir})

    def moved(name: str, days: int, selection: Selection = RIDES) -> dict[str, tuple[int, float]]:
        with reading(lake) as connection:
            found = why(
                connection, ME, NUMBERS[name], selection, settings=settings, since=at + timedelta(days=days, hours=1)
            )
        assert found.since is not None
        parts = sum(each.value for each in found.since.reasons.values())
        assert (found.number or 0) - (found.since.number or 0) == pytest.approx(parts)
        assert len(json.dumps(found.since.reasons, default=str)) > 1
        return by_reason(found.since.reasons)

    everything = {"said": (2, 61_000), "counts_now": (2, 80_000), "counts_no_more": (1, -5_000), "came": (1, 2_500)}
    assert moved("distance", 1) == everything | {"edited": (1, 1_000)}
    assert moved("distance", -99) == moved("distance", 1), "the first publish that is known"
    assert moved("distance", 4) == {"counts_now": (2, 80_000), "said": (1, 60_000), "came": (1, 2_500)}, (
        "before that day"
    )
    assert moved("activities", 1)["counts_no_more"] == (1, -1)
    assert moved("distance", 7, Selection(activity=30)) == {"came": (1, 2_500)}
    assert moved("distance", 10) == {}
    with reading(lake) as connection:
        for name, selection in (("load", RIDES), ("distance", Selection(tag="x"))):
            assert why(connection, ME, NUMBERS[name], selection, settings=settings, since=at).since is None
    shutil.rmtree(lake.contributions)
    with reading(lake) as connection:
        assert why(connection, ME, NUMBERS["distance"], RIDES, settings=settings, since=at).since is None
