"""`insights`, `report` and `goals check` as a person types them: every number is counted again from what the source has."""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lxml import html as markup

from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.tables import HEAT_TILES
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.rig import NOW, Make, Rig, started
from strava_pipeline_tests.verbs.conftest import Type, TypeOn

Item = dict[str, Any]
YEAR = 2025


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Some years of an athlete, with all details and gear, and goals."""
    with started(tmp_path_factory.mktemp("filled"), activities=80) as rig:
        (rig.folder / "goals.toml").write_text(
            "[2025.ride]\ndistance_km = [100, 90000]\n[2025.all]\ntime_hours = 5\n[every_year.run]\ncount = 1\n"
        )
        rig.do("flow_backfill")
        rig.run_unpartitioned("profile")
        yield rig


def day(item: Item) -> date:
    return datetime.fromisoformat(item["start_date_local"].replace("Z", "")).date()


@pytest.fixture(scope="module")
def everything(filled: Rig) -> list[Item]:
    """What the source has, fetched once: no test here changes it."""
    return filled.truth()


@pytest.fixture(scope="module")
def of_year(everything: list[Item]) -> list[Item]:
    return [item for item in everything if day(item).year == YEAR]


def counted(items: list[Item]) -> dict[str, Any]:
    return {
        "activities": len(items),
        "active_days": len({day(item) for item in items}),
        "distance_m": pytest.approx(sum(item["distance"] for item in items)),
        "moving_time_seconds": sum(item["moving_time"] for item in items),
        "elevation_gain_m": pytest.approx(sum(item["total_elevation_gain"] for item in items)),
    }


def asked(typed: Type, *words: str) -> dict[str, Any]:
    said = typed("insights", *words, "--json")
    assert said.code == 0, said.err
    return dict(json.loads(said.out))


@pytest.mark.slow
def test_sums_of_the_year_its_months_and_its_sports(filled: Rig, of_year: list[Item], type_on: TypeOn) -> None:
    told, items = asked(type_on(filled), "--year", str(YEAR)), of_year
    assert (told["year"], told["until"]) == (YEAR, "2025-12-31")
    assert told["totals"] == counted(items)
    assert told["by_month"] == [
        {"month": month, **counted([item for item in items if day(item).month == month])}
        for month in sorted({day(item).month for item in items})
    ]
    assert {row["sport_type"]: row for row in told["by_sport"]} == {
        sport: {
            "sport_type": sport,
            "sport_group": GROUP_OF[sport],
            **counted([item for item in items if item["sport_type"] == sport]),
        }
        for sport in {item["sport_type"] for item in items}
    }


@pytest.mark.parametrize("verb", [("insights",), ("insights", "--json"), ("report", "--html", "of_no_year.html")])
def test_a_year_before_all_activities_is_refused(
    filled: Rig, everything: list[Item], type_on: TypeOn, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(filled.folder)
    said = type_on(filled)(*verb, "--year", "1950")
    years = {day(item).year for item in everything}
    assert (said.code, said.out) == (2, "")
    assert f"There is no activity in 1950: the first is of {min(years)}, the last of {max(years)}." in said.err
    assert not (filled.folder / "of_no_year.html").exists()


@pytest.mark.parametrize(
    ("setting", "words", "counted_sports"),
    [
        ("", (), {"Ride", "VirtualRide"}),
        ("run", (), {"Run", "TrailRun", "VirtualRun"}),
        ("run", ("--sports", "GravelRide,Hike"), {"GravelRide", "Hike"}),
        ("", ("--sports", "Surfing"), set()),
    ],
)
def test_a_file_of_the_year_for_other_sports(
    filled: Rig,
    of_year: list[Item],
    type_on: TypeOn,
    setting: str,
    words: tuple[str, ...],
    counted_sports: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = type_on(filled)
    if setting:
        monkeypatch.setenv("STRAVA_INSIGHT_SPORTS", setting)
    summary = asked(typed, "--year", str(YEAR), "--file", "summary_activities", *words)
    points = asked(typed, "--year", str(YEAR), "--file", "distances", *words)["distance_traveled"]
    items = [item for item in of_year if item["sport_type"] in counted_sports]
    assert {one for told in summary.values() for one in told["activity_ids"]} == {item["id"] for item in items}
    assert points[-1]["y"] == pytest.approx(sum(item["distance"] for item in items) / 1000 * 0.62137)
    assert len(points) == 365
    if not setting and not words:
        on_disk = filled.lake.insights_of(YEAR)
        assert summary == json.loads((on_disk / "summary_activities.json").read_bytes())
        assert points == json.loads((on_disk / "distances.json").read_bytes())["distance_traveled"]


def test_a_file_of_no_sport_or_of_a_year_before_all_is_refused(filled: Rig, type_on: TypeOn) -> None:
    said = type_on(filled)("insights", "--file", "distances", "--sports", "Quidditch")
    assert (said.code, said.out) == (2, "")
    assert "Quidditch" in said.err
    assert type_on(filled)("insights", "--file", "distances", "--year", "1950").code == 2


def test_goals_and_pace(filled: Rig, of_year: list[Item], type_on: TypeOn) -> None:
    told, items = asked(type_on(filled), "--year", str(YEAR)), of_year
    rides = sorted((item for item in items if GROUP_OF[item["sport_type"]] == "ride"), key=day)
    ridden = told["pacing"]["ride"]["distance_m"]
    metres = sum(item["distance"] for item in rides)
    assert ridden["total"] == ridden["projection"] == pytest.approx(metres)
    assert ridden["per_day"] == pytest.approx(metres / 365)
    small, large = ridden["goals"]
    so_far, reached = 0.0, None
    for item in rides:
        so_far += item["distance"]
        if reached is None and so_far >= 100_000:
            reached = day(item).isoformat()
    assert (small["achieved_on"], small["yours"], small["required_per_day"]) == (reached, True, 0)
    assert large["achieved_on"] is None
    assert large["ahead"] == pytest.approx(metres - 90_000_000)
    hours = told["pacing"]["all"]["moving_time_seconds"]
    assert hours["goals"][0]["goal"] == 5 * 3600
    assert hours["total"] == sum(item["moving_time"] for item in items)
    assert told["pacing"]["run"]["activities"]["goals"][0]["goal"] == 1


@pytest.mark.dear
def test_streaks_eddington_numbers_gear_and_load_are_those_of_the_views(filled: Rig, type_on: TypeOn) -> None:
    told = asked(type_on(filled), "--year", str(YEAR))
    in_year = f"sport_group = 'all' AND year(starts_on) <= {YEAR} AND year(ends_on) >= {YEAR}"
    longest = filled.gold(f"SELECT unit, max(length) FROM activity_streaks WHERE {in_year} GROUP BY 1")
    assert {each["unit"]: each["length"] for each in told["streaks"]} == dict(longest)
    overall = next(each for each in told["eddington"] if each["group"] == "all")
    numbers = "SELECT eddington, days_to_next FROM eddington_numbers WHERE sport_group = 'all' AND unit = 'km' AND "
    ((of_all, needed),) = filled.gold(f"{numbers}local_year IS NULL")
    ((of_year, _),) = filled.gold(f"{numbers}local_year = {YEAR}")
    assert (overall["of_all"], overall["days_to_next"], overall["of_year"]) == (of_all, needed, of_year)
    mileage = dict(filled.gold("SELECT item, distance_m FROM gear_mileage"))
    used = f"FROM counted_activities WHERE local_year = {YEAR} AND gear_id IS NOT NULL GROUP BY 1"
    assert {
        each["item"]: (each["activities"], each["distance_m"], each["distance_of_all_m"]) for each in told["gear"]
    } == {
        gear: (count, pytest.approx(metres), pytest.approx(mileage[gear]))
        for gear, count, metres in filled.gold(f"SELECT gear_item, count(*), sum(distance_m) {used}")
    }
    load, state = told["training_load"], f"FROM training_load WHERE year(on_day) = {YEAR}"
    (last,) = filled.gold(f"SELECT on_day::VARCHAR, fitness, fatigue, form {state} ORDER BY on_day DESC LIMIT 1")
    assert (load["on_day"], load["fitness"], load["fatigue"], load["form"]) == last
    assert load["highest_fitness"] == filled.one(f"SELECT max(fitness) {state}")


def test_without_a_year_it_is_the_newest_one(filled: Rig, everything: list[Item], type_on: TypeOn) -> None:
    told = asked(type_on(filled))
    assert told["year"] == max(day(item).year for item in everything)
    assert told["until"] == NOW.date().isoformat()


@pytest.mark.slow
def test_sports_limit_what_is_counted(filled: Rig, of_year: list[Item], type_on: TypeOn) -> None:
    told = asked(type_on(filled), "--year", str(YEAR), "--sports", "run,Hike")
    mine = [item for item in of_year if GROUP_OF[item["sport_type"]] == "run" or item["sport_type"] == "Hike"]
    assert told["totals"] == counted(mine)
    assert told["sports"] == ["run,Hike"]
    said = type_on(filled)("insights", "--sports", "bycicle")
    assert said.code == 2
    assert "'bycicle'" in said.err.replace("\n", " ")


@pytest.mark.slow
def test_the_page_holds_the_numbers_and_nothing_else_is_needed(filled: Rig, type_on: TypeOn) -> None:
    typed, path = type_on(filled), filled.folder / "pages" / "2025.html"
    refused = typed("report", "--year", str(YEAR), "--html", str(path))
    assert (refused.code, path.parent.exists()) == (2, False)
    assert f"{path.parent} is no folder." in refused.err.replace("\n", "")
    path.parent.mkdir()
    said = typed("report", "--year", str(YEAR), "--html", str(path))
    assert said.code == 0, said.err
    assert str(path) in said.out
    told, text = asked(typed, "--year", str(YEAR)), path.read_text()
    page = markup.fromstring(text)
    tiles = {tile[0].text_content(): tile[1].text_content() for tile in page.xpath("//section[@class='tiles']/div")}
    assert tiles["activities"] == f"{told['totals']['activities']:,}"
    kilometres = told["totals"]["distance_m"] / 1000
    assert tiles["distance"] == (f"{kilometres:,.0f} km" if kilometres >= 100 else f"{kilometres:,.1f} km")
    assert tiles["climb"] == f"{told['totals']['elevation_gain_m']:,.0f} m"
    assert tiles["longest streak, days"] == str(next(one["length"] for one in told["streaks"] if one["unit"] == "day"))
    squares = page.xpath("//svg[@class='days']/rect")
    assert len(squares) == 365
    active = {square[0].text.split(":")[0] for square in squares if square.get("class") != "d0"}
    assert len(active) == told["totals"]["active_days"]
    months = page.xpath("//table[@class='months']/tbody/tr")
    in_months = {row[0].text_content(): row[1].text_content() for row in months}
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    of_each = {names[row["month"] - 1]: str(row["activities"]) for row in told["by_month"]}
    assert in_months == {name: of_each.get(name, "–") for name in names}
    records = page.xpath("//section[@class='records']//tr")
    assert len(records) == len(told["records"])
    assert len(page.xpath("//section[@class='records']//a/b[text()='View on Strava']")) == len(records)
    stars = page.xpath("//section[@class='records']//td/b[@class='best']")
    assert len(stars) == sum(each["all_time"] for each in told["records"])
    goals = [row.text_content() for row in page.xpath("//ul[@class='goals']/li")]
    assert len(goals) == 4
    assert any("Ride, distance: 100 km" in goal and "reached on" in goal for goal in goals)
    assert any("missed by" in goal for goal in goals)
    views = page.xpath("//div[starts-with(@class, 'view ')]")
    assert len(views) == 3 * len(page.xpath("//input[@name='sport']")) >= 6, "each measure of each group of sports"
    assert page.xpath("//input[@checked]/@id") == ["show-distance", "sport-all"]
    of_rides = page.xpath("//div[contains(@class, 'view-distance-ride')]//polyline/@class")
    assert of_rides.count("line") == 1
    assert "goal" in of_rides
    loads = page.xpath("//section[@class='drawings']//polyline[@class='fitness']")
    assert len(loads) == 1
    assert "-0" not in page.text_content().split()
    assert not page.xpath("//*[contains(@class, 'private')] | //svg[@class='heat']")
    assert not re.search(r"<script|<link|<img|@import|url\(|src=", text)
    assert {link.get("href").rsplit("/", 1)[0] for link in page.xpath("//a")} == {"https://www.strava.com/activities"}


def test_the_page_has_no_positions_and_no_titles(filled: Rig, of_year: list[Item], type_on: TypeOn) -> None:
    path = filled.folder / "private.html"
    type_on(filled)("report", "--year", str(YEAR), "--html", str(path))
    text = path.read_text()
    for item in of_year:
        assert item["name"] not in text
        for place in (item.get("start_latlng") or [], item.get("end_latlng") or []):
            assert all(f"{part:.3f}" not in text for part in place)


@pytest.mark.slow
def test_titles_and_a_map_come_when_asked_and_it_says_so(filled: Rig, of_year: list[Item], type_on: TypeOn) -> None:
    typed, path, goals = type_on(filled), filled.folder / "asked.html", filled.folder / "goals.toml"
    asked_for = ("report", "--year", str(YEAR), "--html", str(path), "--map", "--names")
    said = typed(*asked_for)
    assert said.code == 0
    assert f"No track of {YEAR} is there outside the privacy zones" in said.err
    (owner,) = filled.gold("SELECT DISTINCT athlete_id FROM counted_activities")
    cells = filled.lake.data_dir / "heat_tiles" / f"year={YEAR}" / "heat_tiles.parquet"
    cells.parent.mkdir(parents=True)
    x, y = 547_500, 355_000
    rows = [(owner[0], "ride", 20, y, x + place, 2) for place in range(400)]
    pl.DataFrame(rows, HEAT_TILES.polars_schema, orient="row").write_parquet(cells)
    assert typed(*asked_for).code == 0
    page = markup.fromstring(path.read_text())
    (notice,) = page.xpath("//p[contains(@class, 'private')]")
    assert "titles of activities and a map" in notice.text_content()
    assert "your home among them" in notice.text_content()
    assert len(page.xpath("//svg[@class='heat']/path")) == 1
    titles = {item["name"] for item in of_year}
    assert {each.text_content() for each in page.xpath("//section[@class='records']//th/span")} <= titles
    before = goals.read_text()
    try:
        goals.write_text(f"{before}[[privacy.zones]]\nplace = [0]\nradius_m = 1\n")
        path.unlink()
        refused = typed(*asked_for)
        assert (refused.code, path.exists()) == (1, False)
        assert "[[privacy.zones]] 1" in refused.err
    finally:
        goals.write_text(before)


@pytest.mark.dear
def test_gear_may_be_called_anything(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=12)
    rig.begin_with("flow_backfill")
    rig.run_unpartitioned("profile")
    import duckdb

    rig.lake.snapshot.chmod(0o600)
    with duckdb.connect(str(rig.lake.snapshot)) as connection:
        connection.execute("UPDATE gear SET name = '<script>alert(1)</script>'")
    path = rig.folder / "page.html"
    year = rig.one("SELECT max(local_year) FROM counted_activities WHERE gear_id IS NOT NULL")
    assert type_on(rig)("report", "--year", str(year), "--html", str(path)).code == 0
    assert "<script" not in path.read_text()
    assert "&lt;script&gt;" in path.read_text()


@pytest.mark.dear
def test_goals_that_can_not_be_followed_are_told_and_left_out(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=6)
    rig.begin_with("flow")
    (rig.folder / "goals.toml").write_text("[2026.rides]\ncount = 1\n")
    typed, path = type_on(rig), rig.folder / "page.html"
    for words in (("insights",), ("insights", "--json"), ("report", "--html", str(path))):
        said = typed(*words)
        assert said.code == 0
        assert "no group of sports is called 'rides'" in said.err
        assert "without goals" in said.err
    assert path.exists()


def test_goals_beside_sports(filled: Rig, type_on: TypeOn) -> None:
    said = type_on(filled)("insights", "--year", str(YEAR), "--sports", "run")
    assert "goals: 1\n" in said.out


def test_a_year_that_has_not_begun_is_told_as_such(filled: Rig, type_on: TypeOn) -> None:
    path = filled.folder / "2030.html"
    assert type_on(filled)("report", "--year", "2030", "--html", str(path)).code == 0
    assert "The year has not begun." in path.read_text()
    assert "None is set" not in path.read_text()


@pytest.mark.slow
def test_a_year_to_come_is_told_as_such(filled: Rig, type_on: TypeOn) -> None:
    told = asked(type_on(filled), "--year", "2030")
    assert told["totals"] == {
        "activities": 0,
        "active_days": 0,
        "distance_m": None,
        "moving_time_seconds": None,
        "elevation_gain_m": None,
    }


def test_lines_for_a_person(filled: Rig, of_year: list[Item], type_on: TypeOn) -> None:
    said = type_on(filled)("insights", "--year", str(YEAR))
    assert (said.code, f"totals: activities {len(of_year)}," in said.out) == (0, True)
    assert not re.findall(r"^.*\b(?:0\.0 km|0 m)\b.*$", said.out, re.MULTILINE), "which nobody measured"
    for sport in {item["sport_type"] for item in of_year}:
        assert re.search(rf"^{sport} ", said.out, re.MULTILINE), said.out


@pytest.mark.dear
def test_what_is_computed_is_marked_what_is_lacking_counted(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "ride.gpx").write_bytes(a_gpx(59, sport="cycling"))
    rig.import_files(tmp_path / "ride.gpx")
    typed = type_on(rig)
    shown = typed("insights", "--year", str(YEAR)).out
    assert ("activities without climb: 1" in shown, "of all years" in shown) == (True, True)
    told = asked(typed, "--year", str(YEAR))
    assert (told["activities_without_moving_time"], told["activities_without_climb"]) == (0, 1)
    assert {each["record"]: each["told_by"] for each in told["records"]}["longest_moving_time"] == "computed"
    page = tmp_path / "page.html"
    assert typed("report", "--year", str(YEAR), "--html", str(page)).code == 0
    assert "Activities with no climb: 1" in page.read_text()


@pytest.mark.dear
def test_an_empty_folder_says_what_to_do(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=0)
    typed = type_on(rig)
    assert "Run `strava-pipeline flow` first" in typed("insights").err
    rig.do("flow")
    said = typed("report", "--html", str(rig.folder / "page.html"))
    assert said.code == 1
    assert "no activity yet" in said.err
    assert not (rig.folder / "page.html").exists()


@pytest.mark.dear
def test_a_snapshot_of_before_an_update_is_told_and_compact_mends_it(make_rig: Make, type_on: TypeOn) -> None:
    import duckdb

    rig = make_rig(activities=6)
    rig.begin_with("flow")
    for path in (rig.lake.working, rig.lake.snapshot):
        path.chmod(0o600)
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "DELETE FROM lake_meta WHERE key = 'made:views'; DROP VIEW records; DROP VIEW totals_by_day"
            )
    typed = type_on(rig)
    said = typed("insights")
    assert said.code == 1
    assert "strava-pipeline compact" in said.err
    assert shown(typed("status", "--json").out)["published"]["state"] == "problem"
    assert typed("matches", "list").code == 0, "its tables are the present ones"
    before = rig.one("SELECT count(*) FROM activities_all")
    rig.do("compact")
    newest = rig.one("SELECT max(local_year) FROM counted_activities")
    assert asked(typed)["totals"]["activities"] == rig.one(f"SELECT count(*) FROM activities WHERE year = {newest}") > 0
    assert rig.one("SELECT count(*) FROM records") > 0
    assert rig.one("SELECT count(*) FROM activities_all") == before


def test_goals_are_checked(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=0)
    typed, path = type_on(rig), rig.folder / "goals.toml"
    said = typed("goals", "check")
    assert (said.code, "There is no" in said.out) == (0, True)
    path.write_text(
        "[2026.ride]\ndistance_km = [4000, 5000]\n[every_year.run]\ntime_hours = 50\n[every_week.all]\ncount = 3\n"
        "[[athlete]]\nsince = 2024-03-01\nweight_kg = 72.5\npower_zones = [150, 250]\n"
        "ftp = 250\nthreshold_pace = '4:40'\nmax_heartrate = 189\nthreshold_heartrate = 190\n"
        "[service.Domane.chain]\nevery_km = 3000\ndone = 2025-09-14\n"
    )
    said = typed("goals", "check")
    assert said.code == 0
    for text in (
        "4,000 km and 5,000 km",
        "50.0 h",
        "every week",
        "72.5",
        "150, 250",
        "3,000 km",
        "4:40 /km",
        "189 bpm is not above the threshold of 190 bpm",
    ):
        assert text in said.out
    path.write_text("[2026.rides]\ncount = 1\n[2026.run]\nkm = 5\n")
    said = typed("goals", "check")
    assert said.code == 2
    assert "no group of sports is called 'rides'" in said.err
    assert "[2026.run] km" in said.err
    path.write_text("[2026.ride\n")
    assert typed("goals", "check").code == 2


def test_the_example_of_goals_can_be_followed(make_rig: Make, type_on: TypeOn) -> None:
    from pathlib import Path

    rig = make_rig(activities=0)
    example = Path(__file__).parents[2] / "goals.example.toml"
    (rig.folder / "goals.toml").write_text(example.read_text())
    said = type_on(rig)("goals", "check")
    assert said.code == 0, said.err
    assert "goals: 5" in said.out


@pytest.mark.dear
def test_the_page_of_an_archive_links_nothing_to_strava(make_rig: Make, type_on: TypeOn) -> None:
    """Its activities have Strava's numbers, and are not from the API."""
    rig = make_rig(activities=5, years=(YEAR, YEAR), logged_in=False)
    rig.import_files(rig.archive("export.zip"))
    page = rig.folder / "page.html"
    assert type_on(rig)("report", "--year", str(YEAR), "--html", str(page)).code == 0
    records = asked(type_on(rig), "--year", str(YEAR))["records"]
    assert {(each["activity_id"] > 0, each["by_api"]) for each in records} == {(True, False)}
    assert "View on Strava" not in page.read_text()
