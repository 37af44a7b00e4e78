"""The heat map: from afar, pictures by how often; close up, which tracks, cut where they leave; and the parts where one is most."""

import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.geodesy import place_of, tile_of
from strava_pipeline.core.tables import HEAT_TILES
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.tracks import track_path, write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups import heat_lines as module
from strava_pipeline.lookups.heat import Box
from strava_pipeline.lookups.heat_lines import HeatLines, heat_lines
from strava_pipeline.lookups.heat_picture import heat_picture, heat_view
from strava_pipeline.lookups.home_box import home_box
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.lake.test_track_measures import measured

ZOOM = 23
BOX = Box(16.30, 48.19, 16.40, 48.21)
START = datetime(2025, 5, 1, 6, tzinfo=UTC)


def track(places: list[tuple[float, float] | None], pause_before: int | None = None) -> pl.DataFrame:
    """Longitudes and latitudes, a second apart; two minutes before the point `pause_before`."""
    late = [120 if pause_before is not None and n >= pause_before else 0 for n in range(len(places))]
    return pl.DataFrame(
        {
            "recorded_at": [START + timedelta(seconds=n + late[n]) for n in range(len(places))],
            "latitude": [place and place[1] for place in places],
            "longitude": [place and place[0] for place in places],
        },
        {"recorded_at": pl.Datetime("us", "UTC"), "latitude": pl.Float64, "longitude": pl.Float64},
    )


def east(begin: float, count: int) -> list[tuple[float, float] | None]:
    """Places 22 m apart, which are 7 tiles of ZOOM."""
    return [(begin + n * 0.0003, 48.2) for n in range(count)]


@pytest.fixture(scope="module")
def lake(module_lake: Lake) -> Lake:
    """1: a run of 2025 out of the box and back into it. 2: a ride of 2025 that stands still. 3: a run of 2024. 4: elsewhere."""
    kinds = (
        (1, "2025-05-01T08:00", "Run"),
        (2, "2025-05-02T08:00", "Ride"),
        (3, "2024-05-01T08:00", "Run"),
        (4, "2025-05-03T08:00", "Run"),
    )
    put(module_lake, [activity(n, day, sport_type=sport, type=sport) for n, day, sport in kinds])
    there = [*east(16.395, 50), *reversed(east(16.395, 50))]
    stands: list[tuple[float, float] | None] = [(16.35, 48.2)] * 500
    holes = [*east(16.31, 20), *[None] * 5, *east(16.3175, 20), *[None] * 15, *east(16.328, 20)]
    tracks = {1: track(there), 2: track([*stands, *east(16.35, 3)])}
    tracks |= {3: track(holes, pause_before=10), 4: track(east(11.4, 30))}
    for number, points in tracks.items():
        write_track(module_lake, 2024 if number == 3 else 2025, number, ME, "file", [points], f"file:{number}")
    measured(module_lake, 2024, 2025)
    publish(module_lake)
    return module_lake


def lines(
    connection: Connection, lake: Lake, box: Box = BOX, year: int | None = None, sport: str | None = None
) -> HeatLines:
    return heat_lines(connection, lake, ME, box=box, zoom=ZOOM, year=year, sport_group=sport)


def test_lines_are_those_of_tracks_through_the_part_cut_where_they_leave_it(published: Connection, lake: Lake) -> None:
    found = lines(published, lake)
    assert ({*found.lines}, found.is_whole) == ({1, 2, 3}, True)
    out, back = found.lines[1]
    column, row = tile_of(48.2, 16.395, ZOOM)
    assert (out[:2], back[-2:]) == ([column, row], [column, row]), "it leaves to the east and comes back"
    assert max(out[::2]) <= tile_of(48.2, BOX.east, ZOOM)[0]
    assert all(abs(to - at) <= 8 for at, to in zip(out[::2], out[2::2], strict=False)), "no point is left out"
    latitude, longitude = place_of(*out[:2], ZOOM)
    assert (latitude, longitude) == pytest.approx((48.2, 16.395), abs=1e-4)


def test_who_stands_adds_no_points_and_what_was_not_recorded_no_line(published: Connection, lake: Lake) -> None:
    found = lines(published, lake).lines
    assert [len(line) // 2 for line in found[2]] == [3], "500 seconds at one place are a point"
    # a pause of two minutes after 10 points; 5 points without a position are bridged, 15 are not
    assert [len(line) // 2 for line in found[3]] == [10, 30, 20]


def test_lines_are_of_a_year_and_of_a_sport(published: Connection, lake: Lake) -> None:
    assert {*lines(published, lake, year=2025).lines} == {1, 2}
    assert {*lines(published, lake, sport="run").lines} == {1, 3}
    assert {*lines(published, lake, year=2024, sport="ride").lines} == set()
    assert {*lines(published, lake, year=1999).lines} == set()
    assert {*lines(published, lake, Box(11.3, 48.1, 11.5, 48.3)).lines} == {4}
    assert heat_lines(published, lake, ME + 1, box=BOX, zoom=ZOOM).lines == {}, "another athlete's"


def test_of_many_the_newest_are_drawn(published: Connection, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for most, kept, is_whole in ((1, {2}, False), (2, {1, 2}, False), (3, {1, 2, 3}, True)):
        monkeypatch.setattr(module, "MOST_LINES", most)
        found = lines(published, lake)
        assert ({*found.lines}, found.is_whole) == (kept, is_whole)


def test_a_damaged_or_missing_track_costs_no_other(published: Connection, lake: Lake) -> None:
    path = track_path(lake, 2025, 2)
    body = path.read_bytes()
    try:
        path.write_bytes(b"no Parquet")
        assert {*lines(published, lake).lines} == {1, 3}
        path.unlink()
        assert {*lines(published, lake).lines} == {1, 3}
    finally:
        path.write_bytes(body)


def test_the_box_where_one_is_most_is_rounded_outwards(
    published: Connection, lake: Lake, new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = home_box(published, lake, ME)
    assert box is not None
    assert (box.text, box.west, box.north) == ("16.3,48.1,16.5,48.3", 16.3, 48.3)
    assert box.km == pytest.approx((14.8, 22.2), abs=0.1)
    assert box.most_megabytes == pytest.approx(45, abs=1)
    assert home_box(published, lake, ME + 1) is None
    assert home_box(published, new_lake(tmp_path_factory.mktemp("empty") / "data"), ME) is None


def test_the_box_is_around_what_most_activities_came_through(
    published: Connection, new_lake: NewLake, tmp_path: Path
) -> None:
    """Eleven runs through one tile, in two years, and a long hike elsewhere."""
    lake = new_lake(tmp_path / "data")
    x, y = tile_of(48.71, 2.25, 14)
    hike = [(ME, "walk", 14, 8508 + n, 5970, 1) for n in range(20)]
    for year, runs in ((2024, 5), (2025, 6)):
        write_heat_tiles(lake, year, [(ME, "run", 14, x, y, runs), *hike])
    box = home_box(published, lake, ME)
    assert box is not None
    assert box.west < 2.25 < box.east < 2.5


COLOURS = [bytes([level] * 3) for level in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def counted(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Tiles of two years: at the corner of a square the busier the more to the east; a town, a tour from it, and Japan."""
    made = new_lake(tmp_path_factory.mktemp("counted") / "data")
    corner = [(20, 1000 * 512 + column, 700 * 512, count) for column, count in enumerate((1, 2, 5, 6, 25, 26))]
    corner += [(20, 1000 * 512 - 1, 700 * 512, 9), (20, 1000 * 512 + 511, 701 * 512 - 1, 9)]
    places = ((14, 8936, 5679, 40), (14, 8937, 5680, 20), (14, 8940, 5679, 3), (14, 14552, 6451, 7))
    for year, most in ((2024, 1), (2025, 100)):
        rows = [("ride", *place, min(count, most)) for *place, count in (*corner, *places)]
        rows += [("run", *place, count - most) for *place, count in (*corner, *places) if count > most > 1]
        rows = [(ME, *row) for row in rows] + [(ME + 1, *rows[0])]
        write_heat_tiles(made, year, rows)
    return made


def write_heat_tiles(lake: Lake, year: int, rows: list[tuple[Any, ...]]) -> None:
    path = lake.data_dir / "heat_tiles" / f"year={year}" / "heat_tiles.parquet"
    path.parent.mkdir(parents=True)
    names = ("athlete_id", "sport_group", "zoom", "x", "y", "activities")
    schema = {name: HEAT_TILES.polars_schema[name] for name in names}
    pl.DataFrame(rows, schema, orient="row").write_parquet(path)


def pixels(picture: bytes) -> dict[tuple[int, int], int]:
    """The colours of a picture by column and row, without what is transparent."""
    chunk = picture.index(b"IDAT")
    lines = zlib.decompress(picture[chunk + 4 : chunk + 4 + int.from_bytes(picture[chunk - 4 : chunk])])
    assert (len(lines), {*lines[::513]}) == (512 * 513, {0})
    return {(place % 513 - 1, place // 513): level for place, level in enumerate(lines) if level}


def test_a_picture_has_the_colour_of_how_often_one_came_through(published: Connection, counted: Lake) -> None:
    def of(zoom: int, column: int, row: int, athlete: int = ME, **chosen: Any) -> dict[tuple[int, int], int]:
        square = (zoom, column, row)
        return pixels(
            heat_picture(published, counted, athlete, square=square, levels=(1, 4, 25), colours=COLOURS, **chosen)
        )

    # each of both years: 1 and 1, 1 and 2, …
    whole = {(0, 0): 2, (1, 0): 2, (2, 0): 3, (3, 0): 3, (4, 0): 4, (5, 0): 4, (511, 511): 3}
    assert of(11, 1000, 700) == whole
    assert of(11, 1000, 700, year=2024) == dict.fromkeys(whole, 1)
    assert of(11, 1000, 700, year=2025) == {**whole, (0, 0): 1, (4, 0): 3}
    assert of(11, 1000, 700, sport_group="run") == of(11, 1, 1) == of(11, 1000, 700, year=1999) == {}
    assert of(11, 1000, 700, ME + 1) == {(0, 0): 2}
    assert of(10, 500, 350) == {(0, 0): 2, (1, 0): 3, (2, 0): 4, (255, 255): 3}, "of two tiles the busier"
    assert of(5, 17, 11) == {(232, 47): 4, (233, 48): 3, (236, 47): 2}, "pixels of zoom 14"


def test_where_one_is_most_is_without_a_tour_and_a_holiday(published: Connection, counted: Lake) -> None:
    found = heat_view(published, counted, ME)
    assert found is not None
    most, everywhere = found.most, found.everywhere
    assert ([*found.steps], found.levels) == ([(1, 1, 2), (2, 3, 4), (3, 5, 9), (4, 10, None)], (2, 4, 9)), "of 41"
    assert (tile_of(most.north - 1e-6, most.west, 14), tile_of(most.south + 1e-6, most.east - 1e-6, 14)) == (
        (8936, 5679),
        (8937, 5680),
    )
    assert (everywhere.west, everywhere.north) == (most.west, most.north)
    assert tile_of(everywhere.south + 1e-6, everywhere.east - 1e-6, 14) == (14552, 6451)
    assert heat_view(published, counted, ME + 1) is None, "no tile of zoom 14"
    of_2024 = heat_view(published, counted, ME, year=2024)
    assert of_2024 is not None
    assert of_2024.levels == (1, 2, 3), "each place once"
    assert heat_view(published, counted, ME, year=1999) is None
