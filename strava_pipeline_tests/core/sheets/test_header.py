"""Which column is which."""

import pytest

from strava_pipeline.core.sheets.header import WORDS, columns_of, header_among


@pytest.mark.parametrize(
    ("title", "word", "unit"),
    [
        ("start_time", "start_time", None),
        (" Start Time ", "start_time", None),
        ("START-TIME", "start_time", None),
        ("distance (km)", "distance", "km"),
        ("Distance [Miles]", "distance", "miles"),
        ("Distance km", "distance", "km"),
        ("distance_km", "distance", "km"),
        ("distance (my car's)", "distance", None),
        ("Temperature (°C)", "temperature", "°c"),
        ("total elevation gain (m)", "total_elevation_gain", "m"),
        ("Max Speed (km/h)", "max_speed", "km/h"),
        ("Duration", "duration_hms", None),
        ("duration (min)", "duration_hms", "min"),
        ("weather", None, None),
        ("distances", None, None),
    ],
)
def test_a_title_is_known_by_its_word(title: str, word: str | None, unit: str | None) -> None:
    (column,) = columns_of([title])
    assert (column.word, column.unit) == (word, unit)


def test_a_word_counts_once_and_a_blank_title_is_no_column() -> None:
    columns = columns_of(["distance", None, "Distance (km)", "  ", 5])
    assert [(column.place, column.title, column.word) for column in columns] == [
        (0, "distance", "distance"),
        (2, "Distance (km)", None),
    ]


def test_a_blank_title_is_known_by_its_place_where_the_others_stand_in_order() -> None:
    titles = [None if word == "city" else word for word in WORDS]
    assert [column.word for column in columns_of(titles)] == list(WORDS)
    assert "city" not in [column.word for column in columns_of(titles[::-1])]
    assert [column.word for column in columns_of(["start_time", None, "city"])] == ["start_time", "city"]


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([["start_time", "distance", "notes"]], 0),
        ([["My rides", None], [], ["notes", "x", "start_time", "distance"]], 2),
        ([["start_time", "distance"]], None),
        ([["distance", "notes", "city", "state"]], None),
        ([[]] * 10 + [["start_time", "distance", "notes"]], None),
        ([], None),
    ],
)
def test_the_header_is_among_the_first_ten_rows(rows: list[list[str | None]], place: int | None) -> None:
    assert header_among(rows) == place


def test_a_column_has_the_letters_that_a_spreadsheet_shows() -> None:
    columns = columns_of([f"c{place}" for place in range(704)])
    assert [columns[place].letters for place in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
