"""Privacy zones: what may stand in goals.toml, and what they cut of a track."""

import tomllib
from collections.abc import Sequence
from math import nan

import polars as pl
import pytest

from strava_pipeline.core.insights.goals import GoalsError, read_goals
from strava_pipeline.core.privacy import PrivacyZone, outside, without_fields, without_positions
from strava_pipeline.core.tables.exported import POSITIONS, exported_tables

HOME = PrivacyZone(50.0, 8.0, 300.0)


def track(*latitudes: float | None, parts: Sequence[int] = ()) -> pl.DataFrame:
    """Points on the meridian of home, each 100 m on."""
    longitudes = [None if each is None else 8.0 for each in latitudes]
    metres = [1000.0 + 100 * place for place in range(len(latitudes))]
    part = parts or [0] * len(latitudes)
    columns = {"part": part, "latitude": latitudes, "longitude": longitudes, "distance": metres}
    kinds = {"part": pl.Int32(), "latitude": pl.Float64(), "longitude": pl.Float64(), "distance": pl.Float64()}
    return pl.DataFrame(columns, kinds).with_columns(point=pl.int_range(pl.len(), dtype=pl.Int32).over("part"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ((50.0, 50.002, 50.004, 50.01, 50.003, 50.0), (50.004, 50.01, 50.003)),  # 0.003° are 334 m
        ((50.01, 50.0, 50.02), (50.01, 50.02)),  # came through
        ((0.0, 50.0, 50.0, 50.01), (0.0, 50.01)),  # a stray first position
        ((None, 50.0, None, 50.01, None, 50.02, None), (50.01, None, 50.02, None)),
        ((50.0, 50.001), ()),
        ((nan, 50.0, 50.01, None), (50.01, None)),  # no position, which is not one outside
        ((None, None), (None, None)),  # indoors: there is no position to hide
        ((), ()),
    ],
)
def test_every_point_in_a_zone_is_left_out(given: tuple[float | None, ...], shown: tuple[float | None, ...]) -> None:
    far = PrivacyZone(-30.0, 100.0, 5000.0)
    assert outside(track(*given), [far, HOME])["latitude"].to_list() == list(shown)
    assert outside(track(*given), []).height == len(given)


def test_what_is_left_does_not_say_how_far_it_is_to_the_place() -> None:
    left = outside(track(50.0, 50.002, 50.004, 50.01, 50.0), [HOME])
    assert left.select("point", "distance").rows() == [(0, 0.0), (1, 100.0)]
    assert left.schema == track().schema
    whole = track(50.01, 50.02)
    assert outside(whole, [HOME]).equals(whole)


def test_each_part_starts_and_ends_outside() -> None:
    """Out from a friend and home, in two sessions: the first ends there, the second starts there."""
    left = outside(track(50.01, 50.004, 50.0, 50.0, 50.004, 50.01, None, parts=(0, 0, 0, 1, 1, 1, 2)), [HOME])
    assert left.select("part", "latitude").rows() == [(0, 50.01), (0, 50.004), (1, 50.004), (1, 50.01), (2, None)]
    assert left.select("point", "distance").rows() == [(0, 0.0), (1, 100.0), (0, 0.0), (1, 100.0), (0, 0.0)]
    through = outside(track(50.01, 50.02, 50.0, 50.0, 50.03, 50.04), [HOME]).select("part", "point", "distance")
    assert through.rows() == [(0, 0, 0.0), (0, 1, 100.0), (1, 0, 0.0), (1, 1, 100.0)]


def test_zones_are_read_and_show_no_place_of_theirs() -> None:
    goals = read_goals(tomllib.loads("[[privacy.zones]]\nplace = [50, 8.0]\nradius_m = 300\n"))
    assert goals.zones == (HOME,)
    assert "50" not in repr(goals.zones)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("privacy = 1", "privacy: zones stand in tables of their own"),
        ("[privacy]\nzone = []", "[privacy] zone: no value has this name"),
        ("[privacy]\nzones = 3", "[privacy] zones: "),
        ("[privacy]\nzones = [3]", "[[privacy.zones]] 1: a zone is a table"),
        ("[[privacy.zones]]\nplace = [51.23456, 8, 1]\nradius_m = 300", "[[privacy.zones]] 1 place: not a latitude"),
        ("[[privacy.zones]]\nplace = [151.23456, 8]\nradius_m = 300", "[[privacy.zones]] 1 place: not a latitude"),
        ("[[privacy.zones]]\nplace = [nan, 8]\nradius_m = 300", "[[privacy.zones]] 1 place: not a latitude"),
        ("[[privacy.zones]]\nradius_m = 300", "[[privacy.zones]] 1 place: not a latitude"),
        (
            "[[privacy.zones]]\nplace = [51.23456, 8]\nradius_m = 199",
            "[[privacy.zones]] 1 radius_m: not a number of 200",
        ),
        ("[[privacy.zones]]\nplace = [51.23456, 8]\nradius_m = true", "[[privacy.zones]] 1 radius_m: not a number"),
        (
            "[[privacy.zones]]\nplace = [51.23456, 8]\nradius = 300",
            "[[privacy.zones]] 1 radius: no value has this name",
        ),
    ],
)
def test_faults_name_their_place_in_the_file_and_none_on_earth(text: str, fault: str) -> None:
    with pytest.raises(GoalsError) as error:
        read_goals(tomllib.loads(text))
    assert fault in str(error.value)
    assert "51.2" not in str(error.value)


@pytest.mark.parametrize(
    ("answered", "shown"),
    [
        (
            {"trip": {"track_points": [{"x": 8.0}] * 2, "name": "Home"}},
            {"trip": {"track_points": "2 points", "name": "Home"}},
        ),
        ({"map": {"summary_polyline": "abc", "id": "a1"}}, {"map": {"summary_polyline": "hidden", "id": "a1"}}),
        ([{"start_latlng": [50.0, 8.0], "end_latlng": []}], [{"start_latlng": "hidden", "end_latlng": []}]),
        (
            {"startLatitude": 50.0, "first_lng": 8.0, "hasPolyline": True},
            {"startLatitude": "hidden", "first_lng": "hidden", "hasPolyline": True},
        ),
        ('{"latlng":[[50.0,8.0]]}', '{"latlng":"1 point"}'),
        ("no JSON", "no JSON"),
        (None, None),
    ],
)
def test_positions_in_an_answer_are_counted(answered: object, shown: object) -> None:
    assert without_positions(answered) == shown


@pytest.mark.parametrize(
    ("answered", "shown"),
    [
        ({"name": "a", "start_latlng": [48.1, 16.2], "place": "Wien", "extra": {"a": 1}}, {"name": "a"}),
        ({"marks": [{"place": 3, "place_of_year": 1, "among": 9}]}, {"marks": [{"place": 3, "place_of_year": 1, "among": 9}]}),
        ({"place": None, "location_city": "Wien", "map": {"polyline": "x"}, "latitude": 48.1, "lng": 16}, {}),
        ({"sent": '{"track_points": [{"x": 1}], "name": "a"}', "points": 5}, {"sent": '{"name":"a"}', "points": 5}),
        ([[{"segment_efforts": {"1": {"segment_id": 7}}, "laps": {"1": {"distance": 5.0}}}]], [[{"laps": {"1": {"distance": 5.0}}}]]),
        ({"text": "[not json", "flat": 1, "plateau": 2, "cadence": 3}, {"text": "[not json", "flat": 1, "plateau": 2, "cadence": 3}),
    ],
)  # fmt: skip
def test_places_are_left_out_of_an_answer(answered: object, shown: object) -> None:
    assert without_fields(answered) == shown


def test_what_days_told_of_the_body_is_left_out_by_itself() -> None:
    of_body = {"resting_heartrate": 48, "usual_resting_heartrate": 49, "weight_kg": 70.5, "watts_per_kg": 3.1}
    other = {"weighted_average_watts": 201.0, "weight": 8.1, "average_heartrate": 140}  # the weight: of gear
    assert without_fields({**of_body, **other, "place": "Wien"}, places=True) == {**other, "place": "Wien"}
    assert without_fields({**of_body, **other, "place": "Wien"}, body=True) == {**of_body, **other}


def test_no_column_with_a_position_is_left_in() -> None:
    columns = {column.name for table in exported_tables(with_positions=True).values() for column in table.columns}
    known = (POSITIONS - {"x", "y"}) & columns  # those two are tiles', which no answer without places has
    assert without_fields(dict.fromkeys(known | {"place", "town", "segment_name"}, "here")) == {}
    assert len(without_fields(dict.fromkeys(columns, 1))) > 0.9 * len(columns), "nothing else goes"
