"""core.tables: the one catalogue of tables."""

from dataclasses import replace

import duckdb
import pytest

from strava_pipeline.core import tables
from strava_pipeline.core.tables import CHILDREN, TABLES, Column, Kind, Table, catalogue_version
from strava_pipeline.core.tables.activities import ACTIVITIES_ALL

# what the queries of the seed use
SEED = {
    "activities_all": "id name sport_type type distance moving_time elapsed_time total_elevation_gain start_date "
    "start_date_local timezone utc_offset achievement_count kudos_count average_speed max_speed average_heartrate "
    "max_heartrate suffer_score commute manual visibility gear_id location_city location_state location_country map_id "
    "polyline summary_polyline ingestion_ts",
    "activity_splits_metric": "activity_id split_index distance_m elapsed_time_seconds moving_time_seconds average_speed "
    "elevation_difference pace_zone average_heartrate",
    "activity_splits_standard": "activity_id split_index distance_m elapsed_time_seconds moving_time_seconds average_speed "
    "elevation_difference pace_zone average_heartrate",
}


@pytest.mark.parametrize("name", SEED)
def test_the_columns_that_the_seed_s_queries_use_are_there(name: str) -> None:
    assert set(SEED[name].split()) <= {column.name for column in TABLES[name].columns}


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_table_says_whose_rows_it_holds_and_where_they_come_from(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert {"athlete_id", "source"} <= set(names)
    assert len(names) == len(set(names))
    assert all(column.meaning and not column.meaning.endswith(".") for column in table.columns)


@pytest.mark.parametrize("table", [table for table in TABLES.values() if table.sourced], ids=lambda table: table.name)
def test_every_table_of_the_source_s_own_has_room_for_what_has_no_column(table: Table) -> None:
    assert "extra" in {column.name for column in table.columns}


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_the_ddl_makes_the_table_in_duckdb_with_keys_that_cannot_be_null(table: Table) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE {table.name} ({table.ddl})")
        described = connection.execute(f"DESCRIBE {table.name}").fetchall()
    assert [(name, null) for name, _, null, *_ in described] == [
        (column.name, "NO" if column.key else "YES") for column in table.columns
    ]


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_no_field_of_the_source_is_read_into_two_columns(table: Table) -> None:
    paths = [column.source for column in table.sourced]
    assert len(paths) == len(set(paths))
    assert not table.ignored.intersection(paths)


def test_instants_have_a_zone_and_clocks_on_a_wall_have_none() -> None:
    for table in TABLES.values():
        for column in table.columns:
            if column.name.endswith(("_at", "_ts")) or column.name == "start_date":
                assert column.kind is Kind.INSTANT, column
            if column.name.endswith("_local"):
                assert column.kind is Kind.WALL, column


def test_each_child_table_is_keyed_by_activity_and_place() -> None:
    for table, position in CHILDREN.values():
        assert table.key == ("activity_id", position)
        assert table.parent == "activities_all"


def test_a_table_without_a_key_or_with_a_column_twice_cannot_be_built() -> None:
    column = Column("x", Kind.TEXT, "x")
    with pytest.raises(ValueError, match="no key"):
        Table("t", "t", (column,))
    with pytest.raises(ValueError, match="twice"):
        Table("t", "t", (column, replace(column, key=True)))


@pytest.mark.parametrize(
    "changed",
    [
        lambda columns: (*columns, Column("new", Kind.TEXT, "new")),
        lambda columns: columns[:-1],
        lambda columns: (*columns[:-1], replace(columns[-1], kind=Kind.TEXT)),
        lambda columns: (*columns[:-1], replace(columns[-1], source=("elsewhere",))),
        lambda columns: (*columns[:-1], replace(columns[-1], edited=True)),
        lambda columns: (*columns[:-1], replace(columns[-1], key=True)),
    ],
    ids=["added", "dropped", "another type", "another source", "part of the fingerprint", "part of the key"],
)
def test_the_version_changes_with_whatever_makes_other_rows(monkeypatch: pytest.MonkeyPatch, changed: object) -> None:
    before = catalogue_version()
    assert callable(changed)
    other = replace(ACTIVITIES_ALL, columns=changed(ACTIVITIES_ALL.columns))
    monkeypatch.setitem(tables.TABLES, "activities_all", other)
    assert catalogue_version() != before


def test_the_version_stays_where_only_words_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalogue_version()
    columns = (*ACTIVITIES_ALL.columns[:-1], replace(ACTIVITIES_ALL.columns[-1], meaning="in other words"))
    monkeypatch.setitem(tables.TABLES, "activities_all", replace(ACTIVITIES_ALL, columns=columns))
    assert catalogue_version() == before


def test_what_is_measured_begins_at_zero_and_places_at_the_edges_of_the_earth() -> None:
    others = {
        column.name: column.low for table in TABLES.values() for column in table.columns if column.low not in (None, 0)
    }
    places = {"start_latitude": -90, "start_longitude": -180, "lat": -90, "lng": -180, "utc_offset": -14 * 3600}
    expected = places | {"failures": 3, "round": 1}
    # positions are a system's, maybe not there
    here = {column.name for table in TABLES.values() for column in table.columns}
    assert others == {name: low for name, low in expected.items() if name in here}
