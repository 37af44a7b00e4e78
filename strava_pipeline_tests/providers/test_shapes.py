"""What each emulated service sends is a reviewed file beside its record, shape.json; what differs from it is found and named.

`make graph` writes them anew.
"""

import json
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from strava_pipeline.core.providers import UnreadableRowError, spec_of
from strava_pipeline.core.rows import typed_rows
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import ACTIVITIES_ALL
from strava_pipeline.core.wellness import KeptAnswer, read_kept
from strava_pipeline.emulator.services import served
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.shapes import Shape, above, below, record_file
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.athlete import athlete_of
from strava_pipeline.lake.bronze.answers import answers_of_kind
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.files import unpacked_json
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.providers import pull_kind
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.shapes import shape_finding
from strava_pipeline.operations.source import BudgetedSource, Source
from strava_pipeline_tests.providers.test_one_athlete import NOW, connected

EVERYTHING = ListingOptions(mode="all", per_page=200, days=None)


def sent(folder: Path, patch: pytest.MonkeyPatch) -> tuple[list[Lake], dict[str, list[Any]]]:
    """Lakes with the listing of everything of every source, one for each way to log in; and its pages by source."""
    config = EmulatorConfig(now=NOW, activities=120, years=(2024, 2026), seed=2026, limits=None)
    with Emulator(config) as strava, served(athlete_of(strava.state, folder), [*PROVIDERS]) as (services, found):
        other_ways = {name: value for name, value in found.items() if name != "GARMIN_PERSONAL_API_KEY"}  # by its app
        lakes = []
        for place, ways in (("one", found), ("other", other_ways)):
            run, settings = connected(strava, ways, folder / place, patch)
            pull_listing(run, BudgetedSource(STRAVA, settings, run), EVERYTHING, [])
            for name in services:
                source = Source(name, settings, run)
                pull_activities(run, source, EVERYTHING, [])
                pull_kind(run, source, "wellness", date(NOW.year - 1, 1, 1), NOW.date())
            lakes.append(run.lake)
    pages = {
        name: [
            unpacked_json(each.folder / page.file)
            for lake in lakes
            for each in listings(lake, name)
            for page in each.manifest.pages
        ]
        for name in (STRAVA, *services)
    }
    trips = pages["ridewithgps"]
    pages["ridewithgps"] = trips + [page["page"] for page in trips if "page" in page]  # as without gear
    return lakes, pages


def days_of(lakes: list[Lake], source: str) -> list[KeptAnswer]:
    return [
        read_kept(unpacked_json(path)) for lake in lakes for _, _, path in answers_of_kind(lake, source, "wellness")
    ]


def shape_of(source: str, pages: list[Any], days: list[KeptAnswer]) -> dict[str, Any]:
    """The content of a source's shape.json: the types of each path, and the paths that each row has and is read from."""
    shape = Shape(source)
    for page in pages:
        shape.add(page)
    always = [
        path
        for path in shape.paths
        if path and "?" not in path and shape.came(path) == shape.paths.get(above(path), {}).get("object")
    ]
    whole = rows_of(source, pages)
    needed = [
        path for path in sorted(always) if rows_of(source, [without(source, page, path) for page in pages]) != whole
    ]
    for kept in days:
        shape.add(kept.content, kept.part)
    return {"paths": {path: sorted(kinds) for path, kinds in sorted(shape.paths.items())}, "needed": needed}


def rows_of(source: str, pages: list[Any]) -> Any:
    try:
        read = [spec_of(source).read_page(page) for page in pages]
    except UnreadableRowError:
        return None
    rows = [typed_rows(page.activities, ACTIVITIES_ALL).values for page in read]
    return [{name: column for name, column in each.items() if name != "extra"} for each in rows], [
        page.foreign for page in read
    ]


def without(source: str, value: Any, path: str, here: str = "") -> Any:
    """A value without what is at a path."""
    if isinstance(value, list):
        return [without(source, each, path, f"{here}[]") for each in value]
    if not isinstance(value, dict):
        return value
    places = {key: below(source, here, key) for key in value}
    return {key: without(source, inner, path, places[key]) for key, inner in value.items() if places[key] != path}


@pytest.mark.dear
def test_each_emulator_sends_what_the_reviewed_file_says_and_is_found_as_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: Any
) -> None:
    lakes, pages = sent(tmp_path, monkeypatch)
    for source in pages:
        with subtests.test(source):
            reviewed = json.loads(record_file(source).with_name("shape.json").read_bytes())
            assert shape_of(source, pages[source], days_of(lakes, source)) == reviewed, "run `make graph`"
            found = shape_finding(lakes[0], source)
            assert found.counts.keys() - {"unmapped_gear"} == {"rows"}, "this world fetches no gear"


def written() -> dict[Path, str]:
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        lakes, pages = sent(Path(place), patch)
        shapes = {source: shape_of(source, found, days_of(lakes, source)) for source, found in pages.items()}
    return {
        record_file(source).with_name("shape.json"): json.dumps(shape, indent=1) + "\n"
        for source, shape in shapes.items()
    }


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text)
