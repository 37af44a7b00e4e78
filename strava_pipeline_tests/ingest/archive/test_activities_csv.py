"""An archive's list of activities, whatever its language and age: what each row says, and what could not be read."""

import csv
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.files.archive_csv import (
    ActivitiesCsv,
    ArchiveRow,
    filled_from_earlier,
    read_activities_csv,
    without_rows,
)
from strava_pipeline.core.files.export_columns import (
    LANGUAGES,
    REQUIRED,
    Recognition,
    export_columns,
    missing_columns,
    normalised,
    read_header,
    sport_names,
)
from strava_pipeline.core.files.export_values import (
    decimal_sign,
    instant,
    month_comes_first,
    raw_number,
    shown_number,
    truth,
)

AT = datetime(2020, 7, 14, 22, 36, 55, tzinfo=UTC)
NEWEST = [column.name("en") for column in export_columns() if column.block != "odd"]
ROW = {
    "id": "4776629789",
    "start_date": "Jul 14, 2020, 10:36:55 PM",
    "name": "Evening Ride",
    "sport_type": "Ride",
    "description": "home",
    "elapsed_time_shown": "3725",
    "distance_shown": "24.30",
    "commute_shown": "true",
    "gear_name": "Tarmac",
    "filename": "activities/5100000001.fit.gz",
    "elapsed_time": "3725.0",
    "moving_time": "3600.0",
    "distance": "24304.5",
    "total_elevation_gain": "210.5",
    "average_heartrate": "141.2",
    "weighted_average_watts": "201.0",
    "suffer_score": "44.0",
    "commute": "1.0",
    "flagged": "0.0",
    "bike": "4815162.0",
    "total_steps": "12.0",
    "media": "media/a.jpg|media/b.jpg",
}


def body(headers: Sequence[str], rows: Sequence[Sequence[str]], **how: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator=how.get("ends", "\n"), delimiter=how.get("delimiter", ",")).writerows(
        [headers, *rows]
    )
    return out.getvalue().encode(how.get("encoding", "utf-8"))


def cells(values: Mapping[str, str], count: int = len(NEWEST)) -> list[str]:
    kept = [column.field for column in export_columns() if column.block != "odd"]
    return [values.get(field, "") for field in [*kept[: count - 1], "media"]]


def layout(count: int) -> list[str]:
    """The English header of an archive of so many columns."""
    return [*NEWEST[: count - 1], "Media"]


def one(raw: bytes) -> ArchiveRow:
    found = read_activities_csv(raw)
    assert [str(fault) for fault in found.faults] == []
    return found.rows[0]


@pytest.mark.parametrize("count", [86, 94, 99, 101, 103])
def test_a_row_of_any_age_since_2023_is_read_by_names_and_from_the_raw_block(count: int) -> None:
    row = one(body(layout(count), [cells(ROW, count)]))
    assert row.activity_id == 4776629789
    assert row.started_at == AT
    assert (row.name, row.description, row.sport_type, row.sport_shown) == ("Evening Ride", "home", "Ride", "Ride")
    assert (row.elapsed_s, row.moving_s, row.distance_m, row.ascent_m) == (3725, 3600, 24304.5, 210.5)
    assert (row.commute, row.gear_name, row.gear_id) == (True, "Tarmac", "b4815162")
    assert row.filename == "activities/5100000001.fit.gz"
    assert row.media == ("media/a.jpg", "media/b.jpg")
    assert row.from_display == frozenset()
    assert row.extra == {}


def test_the_raw_block_has_the_names_of_summary_activity() -> None:
    row = one(body(NEWEST, [cells(ROW)]))
    assert row.summary == {
        "id": 4776629789,
        "name": "Evening Ride",
        "description": "home",
        "sport_type": "Ride",
        "start_date": "2020-07-14T22:36:55Z",
        "elapsed_time": 3725,
        "moving_time": 3600,
        "distance": 24304.5,
        "total_elevation_gain": 210.5,
        "average_heartrate": 141.2,
        "weighted_average_watts": 201.0,
        "suffer_score": 44.0,
        "commute": True,
        "flagged": False,
        "gear_id": "b4815162",
        "total_steps": 12.0,
    }


@pytest.mark.parametrize(
    ("language", "date"),
    [("de", "14.07.2020, 22:36:55"), ("nl", "14 jul 2020, 22:36:55"), ("fr", "14 juil. 2020 à 22:36:55"), ("es", "14 jul 2020, 22:36:55"), ("it", "14 lug 2020, 22:36:55"), ("pt", "14 de jul. de 2020, 22:36:55")],
)  # fmt: skip
def test_every_language_says_the_same(language: str, date: str) -> None:
    english = one(body(NEWEST, [cells(ROW)]))
    headers = [column.name(language) for column in export_columns() if column.block != "odd"]
    local = {"start_date": date, "sport_type": sport_names()["Ride"][language], "distance_shown": "24,30"}
    row = one(body(headers, [cells(ROW | local)]))
    assert row.summary == english.summary
    assert row.filename == english.filename


def test_a_language_never_met_is_read_by_place_and_its_columns_are_told() -> None:
    headers = [f"ž{name[::-1]}" for name in NEWEST]
    found = read_activities_csv(body(headers, [cells(ROW)]))
    assert found.rows[0].summary == one(body(NEWEST, [cells(ROW)])).summary
    assert found.header.unnamed == tuple(headers)
    assert {cell.how for cell in found.header.cells} == {Recognition.PLACE}


def test_a_language_never_met_without_its_order_is_read_by_content_and_the_rest_is_kept() -> None:
    fields = ["id", "start_date", "name", "distance", "filename", "media"]
    headers = ["ž1", "ž2", "ž3", "ž4", "ž5", "ž6"]
    found = read_activities_csv(body(headers, [[ROW[field] for field in fields]]))
    row = found.rows[0]
    assert (row.activity_id, row.started_at, row.filename) == (4776629789, AT, ROW["filename"])
    assert row.media == ("media/a.jpg", "media/b.jpg")
    assert row.extra == {"ž3": "Evening Ride", "ž4": "24304.5"}
    assert found.header.unknown == ("ž3", "ž4")
    assert found.header.unnamed == tuple(headers)


def test_a_language_never_met_of_2020_has_the_places_of_2020() -> None:
    gone = ("max_heartrate_shown", "private_note", "type_code", "start_time")
    fields = [column.field for column in export_columns() if column.field not in gone][:72]
    at = fields.index("max_cadence")
    fields[at : at + 2] = ["average_cadence", "max_cadence"]
    headers = [f"ž{field.removesuffix('_shown')}" for field in fields]
    values = {**ROW, "average_cadence": "81.0", "max_cadence": "120.0", "max_heartrate": "180.0"}
    row = one(body(headers, [[values.get(field, "") for field in fields]]))
    assert (row.filename, row.distance_m, row.moving_s) == ("activities/5100000001.fit.gz", 24304.5, 3600)
    assert [row.summary[name] for name in ("average_cadence", "max_cadence", "max_heartrate")] == [81.0, 120.0, 180.0]


@pytest.mark.parametrize("change", [{"id": "Monday"}, {"filename": "yes"}])
def test_places_are_not_trusted_where_the_rows_say_otherwise(change: dict[str, str]) -> None:
    headers = [f"ž{name}" for name in OLD]
    row = {"id": "1", "start_date": "2020-07-14 22:36:55", "filename": "activities/1.gpx"} | change
    fields = ["id", "start_date", "name", "type", "description", "elapsed", "distance", "commute", "gear", "filename"]
    found = read_activities_csv(body(headers, [[row.get(field, "") for field in fields]]))
    assert Recognition.PLACE not in {cell.how for cell in found.header.cells}


def test_places_are_not_trusted_where_pairs_of_names_stand_elsewhere() -> None:
    headers = [f"ž{name}" for name in NEWEST]
    headers[20], headers[6] = headers[6], headers[20]
    assert {cell.how for cell in read_header(headers).cells} == {Recognition.NONE}


def test_a_new_column_in_a_known_language_is_kept_and_told() -> None:
    headers = [*NEWEST[:-1], "Mood", "Media"]
    found = read_activities_csv(body(headers, [[*cells(ROW)[:-1], "good", ROW["media"]]]))
    assert found.header.unknown == found.header.unnamed == ("Mood",)
    assert found.rows[0].extra == {"Mood": "good"}
    assert found.rows[0].media == ("media/a.jpg", "media/b.jpg")


OLD = ["Activity ID", "Activity Date", "Activity Name", "Activity Type", "Activity Description", "Elapsed Time", "Distance", "Commute", "Activity Gear", "Filename"]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "sport", "distance", "metres", "display"),
    [
        (OLD, "Ride", "24.30", 24300.0, True),
        (OLD, "Swim", "1,250", 1250.0, True),
        (OLD, "Rowing", "10,029", 10029.0, True),
        (OLD, "Run", "0", 0.0, True),
        (["id", "date", "name", "type", "description", "elapsed_time", "distance", "commute", "gear", "filename"], "Ride", "24304.5", 24304.5, False),
    ],
)  # fmt: skip
def test_an_archive_up_to_2019_is_read_from_all_it_has(
    headers: list[str], sport: str, distance: str, metres: float, display: bool
) -> None:
    row = one(
        body(headers, [["1", "2020-07-14 22:36:55", "A", sport, "", "3725", distance, "false", "", "activities/1.gpx"]])
    )
    assert (row.started_at, row.elapsed_s, row.distance_m, row.commute) == (AT, 3725, metres, False)
    assert row.from_display == (frozenset({"elapsed_time", "distance", "commute"}) if display else frozenset())


def test_the_only_heart_rate_of_2020_is_the_raw_one() -> None:
    fields = ["id", "start_date", "elapsed_time_shown", "filename", "elapsed_time", "max_heartrate"]
    headers = ["Activiteits-ID", "Datum van activiteit", "Verstreken tijd", "Bestandsnaam"]
    headers += ["Verstreken tijd", "Max. hartslag"]
    values = ROW | {"start_date": "14 jul. 2020 22:36:55", "max_heartrate": "180.0"}
    row = one(body(headers, [[values[field] for field in fields]]))
    assert row.summary["max_heartrate"] == 180.0
    assert row.from_display == frozenset()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Jul 14, 2020, 10:36:55 PM", AT),
        ("Jul 14, 2020, 10:36:55\u202fPM", AT),
        ("14 Jul 2020, 22:36:55", AT),
        ("2020-07-14 22:36:55", AT),
        ("2020-07-14T22:36:55Z", AT),
        ("2020-07-15T00:36:55+02:00", AT),
        ("14.07.2020, 22:36:55", AT),
        ("14.07.2020 22.36.55", AT),
        ("14 jul. 2020 22:36:55", AT),
        ("14 juil. 2020 à 22:36:55", AT),
        ("14 lug 2020, 22:36:55", AT),
        ("14 июл. 2020 г., 22:36:55", AT),
        ("2020/07/14 22:36:55", AT),
        ("2020年7月14日 下午10:36:55", AT),
        ("14/07/2020, 22:36:55", AT),
        ("3 mrt 2020, 00:00:01", datetime(2020, 3, 3, 0, 0, 1, tzinfo=UTC)),
        ("2. März 2020, 10:00:00", datetime(2020, 3, 2, 10, tzinfo=UTC)),
        ("5 мая 2020 г., 10:00:00", datetime(2020, 5, 5, 10, tzinfo=UTC)),
        ("14 août 2020, 10:00:00", datetime(2020, 8, 14, 10, tzinfo=UTC)),
        ("5 ott 2020, 10:00:00", datetime(2020, 10, 5, 10, tzinfo=UTC)),
        ("Mar 5, 2021, 12:00:01 AM", datetime(2021, 3, 5, 0, 0, 1, tzinfo=UTC)),
        ("Mar 5, 2021, 12:00:01 PM", datetime(2021, 3, 5, 12, 0, 1, tzinfo=UTC)),
        ("2020-07-14", None),
        ("31 feb 2020, 10:00:00", None),
        ("14 xyz 2020, 10:00:00", None),
        ("", None),
    ],
)
def test_dates_of_every_language_are_utc(text: str, at: datetime | None) -> None:
    assert instant(text) == at


@pytest.mark.parametrize(
    ("texts", "english", "first"),
    [
        (["03/04/2020, 1:00", "13/04/2020, 1:00"], True, False),
        (["03/04/2020, 1:00", "04/13/2020, 1:00"], True, True),
        (["03/04/2020, 1:00"], True, None),
        (["03/04/2020, 1:00"], False, False),
        (["03/03/2020, 1:00", "Jul 14, 2020"], True, False),
    ],
)
def test_which_number_is_the_month_the_whole_file_tells(texts: list[str], english: bool, first: bool | None) -> None:
    assert month_comes_first(texts, english=english) is first


def test_a_date_that_may_be_two_is_none_and_is_told() -> None:
    found = read_activities_csv(body(OLD, [["1", "03/04/2020, 1:00:00", *[""] * 8]]))
    assert found.rows[0].started_at is None
    assert found.rows[0].extra == {"Activity Date": "03/04/2020, 1:00:00"}
    assert [str(fault) for fault in found.faults] == ["line 2, Activity Date: no date and time that is known"]


@pytest.mark.parametrize(
    ("text", "shown", "raw"),
    [
        ("1,250", 1250.0, 1250.0),
        ("1.250", 1250.0, 1.25),
        ("9,72", 9.72, 9.72),
        ("5.00", 5.0, 5.0),
        ("1.234,56", 1234.56, 1234.56),
        ("1,234.56", 1234.56, 1234.56),
        ("1\u202f250", 1250.0, 1250.0),
        ("700", 700.0, 700.0),
        ("-3.5", -3.5, -3.5),
        ("1e400", None, None),
        ("nan", None, None),
        ("many", None, None),
    ],
)
def test_numbers_of_both_blocks_are_read(text: str, shown: float | None, raw: float | None) -> None:
    assert (shown_number(text), raw_number(text)) == (shown, raw)


@pytest.mark.parametrize(
    ("table", "sign", "numbers"),
    [
        (["12,5", "3.500", "7"], ",", [12.5, 3500.0, 7.0]),
        (["12.5", "3,500"], ".", [12.5, 3500.0]),
        (["1.234.567", "1.250"], ",", [1234567.0, 1250.0]),
        (["1,234.5", "1,250"], ".", [1234.5, 1250.0]),
        (["0.750", "1,250"], ".", [0.75, 1250.0]),
        (["-1,5", "1 250,25"], ",", [-1.5, 1250.25]),
        (["12,5 km", "1.250"], ",", [None, 1250.0]),
        (["1.250", "700"], None, [1.25, 700.0]),
        (["12,5", "3.5", "1.250"], None, [12.5, 3.5, 1.25]),
        (["1:02:03,5", "", "--", "1.250"], None, [None, None, None, 1.25]),
    ],
)
def test_a_table_has_one_decimal_sign(table: list[str], sign: str | None, numbers: list[float | None]) -> None:
    assert decimal_sign(table) == sign
    assert [raw_number(text, sign) for text in table] == numbers


@pytest.mark.parametrize(("distance", "climb"), [("24300,5", 3500.0), ("24300.5", 3.5)])
def test_each_block_of_a_list_has_its_own_decimal_sign(distance: str, climb: float) -> None:
    headers = [*OLD, "Distance", "Elevation Gain"]
    row = ["1", "2020-07-14 22:36:55", "A", "Ride", "", "3725", "24,30", "false", "", "", distance, "3.500"]
    (found,) = read_activities_csv(body(headers, [row], delimiter=";")).rows
    assert (found.distance_m, found.ascent_m, found.shown["distance"]) == (24300.5, climb, 24300.0)


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        'a "quote", a comma',
        "a bare\rreturn",
        "CR\r\nLF",
        "both\rof\r\nthem",
        "🚲",
        "-",
        "nan",
        "long " * 50_000,
    ],
)
def test_what_a_person_wrote_is_kept_as_it_is(text: str) -> None:
    found = read_activities_csv(body(NEWEST, [cells(ROW | {"description": text}), cells(ROW | {"id": "2"})]))
    assert found.rows[0].description == text
    assert [row.activity_id for row in found.rows] == [4776629789, 2]


HOW = {
    "a byte order mark": {"encoding": "utf-8-sig"},
    "UTF-16": {"encoding": "utf-16"},
    "CRLF": {"ends": "\r\n"},
    "CR": {"ends": "\r"},
    "semicolons": {"delimiter": ";"},
    "tabs": {"delimiter": "\t"},
}


@pytest.mark.parametrize("how", HOW)
def test_a_file_saved_anew_says_the_same(how: str) -> None:
    assert one(body(NEWEST, [cells(ROW)], **HOW[how])).summary == one(body(NEWEST, [cells(ROW)])).summary


def test_headers_with_markup_and_the_suffixes_of_pandas_are_recognised() -> None:
    marked = [f'<span class="translation_missing" title="x">{name}</span>' for name in NEWEST]
    suffixed = [f"{name}.1" if name in NEWEST[:place] else name for place, name in enumerate(NEWEST)]
    plainly = one(body(NEWEST, [cells(ROW)])).summary
    assert one(body(marked, [cells(ROW)])).summary == plainly
    assert one(body(suffixed, [cells(ROW | {"commute_shown": "True"})])).summary == plainly
    assert read_header(marked).cells[0].header == "Activity ID"
    assert {cell.how for cell in (*read_header(marked).cells, *read_header(suffixed).cells)} == {Recognition.NAME}


def test_windows_text_is_read_and_told() -> None:
    found = read_activities_csv(body(OLD, [["1", "2020-07-14 22:36:55", "Müggelsee", *[""] * 7]], encoding="cp1252"))
    assert found.rows[0].name == "Müggelsee"
    assert "not UTF-8" in str(found.faults[0])


@pytest.mark.parametrize(
    ("filename", "expected"),
    [("activities/1.fit.gz", ("activities/1.fit.gz", False)), ("", (None, False)), ("#error#", (None, True))],
)
def test_a_row_without_a_file_says_why(filename: str, expected: tuple[str | None, bool]) -> None:
    row = one(body(NEWEST, [cells(ROW | {"filename": filename})]))
    assert (row.filename, row.unexported) == expected


def test_a_sport_nobody_knows_is_kept_and_counted() -> None:
    found = read_activities_csv(body(NEWEST, [cells(ROW | {"sport_type": "Quidditch"})]))
    assert found.rows[0].sport_type == "Quidditch"
    assert found.unknown_sports == {"Quidditch": 1}


def test_no_name_of_a_sport_means_two() -> None:
    meant: dict[str, set[str]] = {}
    for sport, names in sport_names().items():
        for name in names.values():
            meant.setdefault(normalised(name), set()).add(sport)
    assert {name: each for name, each in meant.items() if len(each) > 1} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_blocks_have_the_same_headers(language: str) -> None:
    raw = {column.field: column.names[language] for column in export_columns() if column.block == "raw"}
    shown = {
        column.field.removesuffix("_shown"): column.names[language]
        for column in export_columns()
        if column.block == "shown"
    }
    assert {field: raw[field] for field in shown} == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_header_of_a_language_means_two_columns_of_one_block(language: str) -> None:
    seen: set[tuple[str, str]] = set()
    for column in export_columns():
        for name in column.names[language]:
            assert (normalised(name), column.block) not in seen
            seen.add((normalised(name), column.block))


BROKEN: dict[str, tuple[dict[str, str], str, str]] = {
    "a number": ({"average_heartrate": "fast"}, "Average Heart Rate", "line 2, Average Heart Rate: no number"),
    "a truth": ({"flagged": "perhaps"}, "Flagged", "line 2, Flagged: no yes or no"),
    "a date": ({"start_date": "yesterday"}, "Activity Date", "line 2, Activity Date: no date and time that is known"),
    "an id": ({"id": "x17"}, "Activity ID", "line 2, Activity ID: no id"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_cell_that_does_not_read_is_kept_and_told_without_its_content(what: str) -> None:
    change, header, told = BROKEN[what]
    found = read_activities_csv(body(NEWEST, [cells(ROW | change), cells(ROW | {"id": "2"})]))
    assert found.rows[0].extra == {header: next(iter(change.values()))}
    assert [str(fault) for fault in found.faults] == [told]
    assert found.rows[1].extra == {}


@pytest.mark.parametrize("text", ["--", "nan", " ", "-"])
def test_a_cell_that_says_nothing_is_neither_kept_nor_told(text: str) -> None:
    row = one(body(NEWEST, [cells(ROW | {"average_heartrate": text})]))
    assert "average_heartrate" not in row.summary
    assert row.extra == {}


def test_what_the_display_block_shows_oddly_is_no_fault_where_the_raw_block_has_it() -> None:
    row = one(body(NEWEST, [cells(ROW | {"commute_shown": "Ja", "distance_shown": "24,3 km"})]))
    assert (row.commute, row.distance_m) == (True, 24304.5)


def test_rows_of_the_wrong_length_and_without_id_or_date_are_kept_and_told() -> None:
    found = read_activities_csv(body(OLD, [["1", "2020-07-14 22:36:55", "short"], ["", "", "x", *[""] * 7, "more"]]))
    assert [row.name for row in found.rows] == ["short", "x"]
    assert found.rows[1].extra == {"column 11": "more"}
    assert [str(fault) for fault in found.faults] == [
        "line 2, the row: 3 cells where the header has 10",
        "line 3, the row: 11 cells where the header has 10",
        "line 3, id: missing",
        "line 3, start_date: missing",
    ]


def test_an_activity_that_stands_twice_is_kept_twice_and_told() -> None:
    found = read_activities_csv(body(NEWEST, [cells(ROW), cells(ROW)]))
    assert len(found.rows) == 2
    assert len(found.faults) == 2


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xef\xbb\xbf", b"\x00\x01\x02", b'"', b"a,b\n1,2\n"])
def test_what_is_no_list_of_activities_has_an_unknown_header(raw: bytes) -> None:
    found: ActivitiesCsv = read_activities_csv(raw)
    assert not found.header.has("filename")
    assert not found.header.has("start_date")


def test_a_quote_that_never_ends_loses_no_row_before_it() -> None:
    rows = [cells(ROW | {"id": str(n)}) for n in (1, 2)]
    raw = body(NEWEST, rows) + b'3,"Jul 14, 2020, 10:36:55 PM","cut'
    found = read_activities_csv(raw)
    assert [row.activity_id for row in found.rows] == [1, 2, 3]
    assert found.rows[2].started_at == AT
    assert [fault.line for fault in found.faults] == [4]


VELOVIEWER = ["When", "Name", "Type", "Gear", "Dist km", "Mov Time", "Elv m", "Activity Id", "Commute", "Speed km/h"]


@pytest.mark.parametrize(
    ("headers", "lacking"),
    [
        (NEWEST, ()),
        (OLD, ()),
        (["id", "date", "name", "type", "description", "elapsed_time", "distance", "commute", "gear", "filename"], ()),
        ([f'<span class="translation_missing">{name}</span>' for name in OLD], ()),
        (["Distance.1", "Activity Type", "Activity Name", "Activity Date", "Activity ID"], ()),
        (VELOVIEWER, ("Activity Date", "Activity Name", "Activity Type", "Distance")),
        (["Activity ID", "Activity Date", "Name der Aktivität", "Aktivitätsart", "Distanz"], ("Aktivitäts-ID", "Aktivitätsdatum")),
        (["date", "weight"], ("Activity ID", "Activity Date", "Activity Name", "Activity Type", "Distance")),
        ([], ("Activity ID", "Activity Date", "Activity Name", "Activity Type", "Distance")),
    ],
)  # fmt: skip
def test_a_list_is_stravas_if_five_columns_are_of_one_language(headers: list[str], lacking: tuple[str, ...]) -> None:
    assert missing_columns(headers) == lacking


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_header_in_every_language_is_stravas(language: str) -> None:
    assert missing_columns([column.name(language) for column in export_columns()]) == ()


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("seed", range(500))
def test_a_header_of_any_names_in_any_languages_is_stravas_only_with_all_five_in_one(seed: int) -> None:
    chance = random.Random(seed)
    language, other = chance.sample(list(LANGUAGES), 2)
    needed = {column.field: column for column in export_columns() if column.field in REQUIRED}
    lost = set(chance.sample(sorted(needed), chance.randint(0, 2)))
    headers = [column.name(language) for column in export_columns() if column.field not in lost]
    headers += [needed[field].name(other) for field in lost if chance.random() < 0.5]
    headers += chance.sample(VELOVIEWER, 3)
    chance.shuffle(headers)
    in_one = [
        each
        for each in LANGUAGES
        if all({*map(normalised, column.names[each])} & {*map(normalised, headers)} for column in needed.values())
    ]
    assert (missing_columns(headers) == ()) is bool(in_one)
    assert bool(in_one) or lost


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("1.0", True), ("0", False), ("0.0", False), ("2.0", True), ("yes", True), ("no", False), ("maybe", None), ("nan", None), ("", None)],
)  # fmt: skip
def test_yes_is_a_word_or_any_number_but_0(text: str, value: bool | None) -> None:
    assert truth(text) is value


def test_a_row_that_is_flagged_with_another_number_than_1_has_no_fault() -> None:
    assert one(body(NEWEST, [cells(ROW | {"flagged": "2.0"})])).summary["flagged"] is True


def as_told(row: ArchiveRow) -> ArchiveRow:
    """The row without where it stands."""
    return replace(row, line=0)


@pytest.mark.parametrize("kept", [(), ("name",), ("description", "gear_name", "bike"), tuple(ROW)])
def test_an_empty_cell_takes_nothing_of_an_earlier_archive_back(kept: tuple[str, ...]) -> None:
    earlier = one(body(NEWEST, [cells(ROW)]))
    only = {"id": ROW["id"], "start_date": ROW["start_date"]} | {name: ROW[name] for name in kept}
    later = one(body(NEWEST, [cells(only)]))
    assert as_told(filled_from_earlier(later, earlier)) == as_told(earlier)
    assert as_told(filled_from_earlier(earlier, later)) == as_told(earlier)


@pytest.mark.parametrize(
    ("later", "gear"),
    [
        ({}, ("Tarmac", "b4815162")),
        ({"gear_name": "Tarmac"}, ("Tarmac", "b4815162")),
        ({"gear_name": " Tarmac "}, ("Tarmac", "b4815162")),
        ({"gear_name": "Other"}, ("Other", None)),
        ({"bike": "7.0"}, (None, "b7")),
        ({"gear_name": "Other", "bike": "7.0"}, ("Other", "b7")),
    ],
)
def test_gear_of_two_archives_is_never_mixed(later: dict[str, str], gear: tuple[str | None, str | None]) -> None:
    found = filled_from_earlier(one(body(NEWEST, [cells({"id": "1", "start_date": ROW["start_date"]} | later)])), one(body(NEWEST, [cells(ROW)])))  # fmt: skip
    assert (found.gear_name, found.gear_id) == gear
    assert found.summary.get("gear_id") == gear[1]


def test_what_a_later_archive_says_counts() -> None:
    edited = {"name": "Intervals", "distance": "10.5", "commute": "0.0", "description": "hard"}
    later = one(body(NEWEST, [cells(ROW | edited)]))
    assert filled_from_earlier(later, one(body(NEWEST, [cells(ROW)]))) == later


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_without_a_row_every_other_line_keeps_its_end(end: bytes) -> None:
    head, first, last = (
        b"Activity ID,Activity Date,Activity Name,Activity Type,Filename",
        b"1,,A,Ride,a.gpx",
        b"2,,B,Ride,b.gpx",
    )
    whole = end.join([head, first, last, b""])
    assert without_rows(whole, {2}) == end.join([head, first, b""])
    assert without_rows(whole, {1}) == end.join([head, last, b""])
    assert without_rows(end.join([head, first, last]), {2}) == end.join([head, first, b""])
    assert without_rows(whole, {3}) == whole
