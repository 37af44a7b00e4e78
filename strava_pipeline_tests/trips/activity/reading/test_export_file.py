"""An export is read back as what was written, in any of its forms; what is none is told by its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.reading.export_file import read_export
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import read_bundles
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline_tests.trips.activity.sources import RING, odd_trips, write_sqlite

FORMS = {
    "an array": lambda trips: json.dumps(trips),
    "indented": lambda trips: json.dumps(trips, indent=2),
    "a line each": lambda trips: "\n".join(map(json.dumps, trips)),
    "a line each, Windows": lambda trips: "\r\n\r\n".join(map(json.dumps, trips)) + "\r\n",
    "with a byte-order mark": lambda trips: "\ufeff" + json.dumps(trips),
    "lines with a mark": lambda trips: "\ufeff" + "\n".join(map(json.dumps, trips)),
}


def read(path: Path) -> list[Bundle]:
    return [bundle for batch in read_export(path) for bundle in batch]


@pytest.fixture
def bundles(tmp_path: Path) -> list[Bundle]:
    with open_source(f"sqlite:///{write_sqlite(tmp_path / 'odd.sqlite', odd_trips())}") as source:
        return [bundle for batch in read_bundles(source, RING) for bundle in batch]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_export_holds_what_the_source_held(tmp_path: Path, bundles: list[Bundle], form: Any) -> None:
    path = tmp_path / "export.json"
    path.write_text(form([bundle.as_json() for bundle in bundles]), encoding="utf-8")
    assert read(path) == bundles


def test_one_object_is_an_export_of_one(tmp_path: Path, bundles: list[Bundle]) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(bundles[0].as_json(), indent=1))
    assert read(path) == bundles[:1]


def test_an_empty_array_holds_no_trips(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("[]")
    assert read(path) == []


GOOD = '{"externalId": "a"}'
SECRET = "48.123456"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (f'[{GOOD}, {{"externalId": "b", "locations": "{SECRET}"}}]', "trip 2: trip b: locations is no list"),
        (f'[{GOOD}, {GOOD}, "{SECRET}"]', "trip 3: a trip is an object"),
        (f'[{GOOD}, {{"external_id": "{SECRET}"}}]', "trip 2: a trip is an object"),
        (SECRET, "trip 1: a trip is an object"),
        (f'{GOOD}\n\n{{"externalId": 7, "x": {SECRET}}}', "line 3: a trip is an object"),
        (f'{GOOD}\n{{"externalId": "b", "locations": [{SECRET}', "line 2 by itself"),
        (f'[{GOOD}, {{"externalId": "b", "locations": [{SECRET}', "line 1 by itself"),
        (f"externalId,{SECRET}", "line 1 by itself"),
    ],
)
def test_what_is_no_export_is_told_by_place_and_without_its_content(tmp_path: Path, content: str, place: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(MisuseError) as caught:
        read(path)
    assert place in str(caught.value)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="No such file"):
        read(tmp_path / "absent.json")


def test_what_export_writes_is_read_line_by_line_and_a_cut_is_told(tmp_path: Path) -> None:
    bundles = [Bundle("a"), Bundle("b"), Bundle("c")]
    lines = b",\n".join(json.dumps(bundle.as_json()).encode() for bundle in bundles)
    path = tmp_path / "export.json"
    path.write_bytes(b"[\n" + lines + b"\n]\n")
    assert read(path) == bundles
    path.write_bytes(b"[\n" + lines + b"\n")
    with pytest.raises(MisuseError, match="ends in the middle"):
        read(path)
    path.write_bytes(b"[\n" + lines[:-5])
    with pytest.raises(MisuseError, match="line 4 is no JSON"):
        read(path)
    path.write_bytes(b"[\n" + lines + b"\n]\n{}")
    with pytest.raises(MisuseError, match="line 6: something follows"):
        read(path)
