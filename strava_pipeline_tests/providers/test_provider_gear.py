"""`providers gear`: gear of Strava and of enabled services side by side, and the links that a person agrees to."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import providers_file
from strava_pipeline.lake.bronze.answers import land_gear, land_of_kind
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline_tests.providers.subjects import ToySubject, register_toy
from strava_pipeline_tests.providers.toy_service import new_toy
from strava_pipeline_tests.providers.worlds import World, list_at_strava
from strava_pipeline_tests.verbs.conftest import Type

OWN = "# mine\n[providers.toy]\nenabled = true # yes\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A blue bike at Strava and at the toy, a red one at the toy alone, and one that an activity names alone. Published."""
    register_toy(monkeypatch)
    (tmp_path / "providers.toml").write_text(OWN)
    folders = {name: tmp_path / name for name in ("data_dir", "secrets_dir", "logs_dir", "ledger_dir", "dagster_home")}
    settings = Settings(_env_file=None, **folders, providers_config=tmp_path / "providers.toml", first_year=2024)
    found = World(ToySubject(new_toy()), settings)
    at = "2025-01-01T06:00:00Z"
    list_at_strava(found, {"id": 1, "name": "one", "start_date": at, "start_date_local": at, "gear_id": "b1"})
    run = found.run()
    land_gear(run.lake, "b1", json.dumps({"id": "b1", "name": "Blue Bike"}).encode(), run.now())
    items: list[dict[str, Any]] = [
        {"key": f"k{day}", "begin": f"2025-02-0{day}T07:00:00+01:00", "bike": bike}
        for day, bike in ((1, "B1"), (2, "B1"), (3, "unknown"))
    ]
    page = {"items": items, "more": False}
    window = Window(mode="all", after=None, before=None)
    listing = begin_listing(run.lake, window, athlete_id=7, at=run.now(), source="toy", account="me")
    listing.land(spec_of("toy").read_page(page), json.dumps(page).encode(), {}, run.now(), run.years)
    listing.mark_ended()
    bikes = [{"key": "B1", "label": "blue bike"}, {"key": "B2", "label": "Red [bold]bike"}]
    land_of_kind(run.lake, "toy", "gear", json.dumps(bikes).encode(), run.now())
    found.merge(run)
    publish(run.lake)
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    return found


def test_gear_of_all_services_stands_side_by_side(world: World, type_in: Type) -> None:
    found = json.loads(type_in("providers", "gear", "--json").out)["gear"]
    assert found["Blue Bike"] == {
        "linked": {},
        "proposed": {"strava": "b1", "toy": "B1"},
        "unclear": [],
        "lost": [],
        "services": {
            "strava": {"b1": {"name": "Blue Bike", "retired": None, "rows": 1, "last_used_at": "2025-01-01T06:00:00Z"}},
            "toy": {"B1": {"name": "blue bike", "retired": None, "rows": 2, "last_used_at": "2025-02-02T06:00:00Z"}},
        },
    }
    assert found["Red [bold]bike"]["services"]["toy"]["B2"]["rows"] == 0
    assert found["unknown"]["services"]["toy"]["unknown"]["rows"] == 1
    world.settings.providers_config.write_text(OWN + '[gear.Mine]\nstrava = "b1"\ntoy = "B9"\n')
    said = type_in("providers", "gear")
    assert (said.code, "Mine" in said.out) == (0, True)


def test_a_link_is_shown_and_written_if_agreed(world: World, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.settings.providers_config
    asked: list[str] = []

    def confirm(answer: bool) -> None:
        monkeypatch.setattr("typer.confirm", lambda question, *, err: asked.append(question) or answer)

    confirm(False)
    said = type_in("providers", "gear", "--link")
    assert (said.code, file.read_text()) == (1, OWN)
    assert '  [gear."Blue Bike"]\n  strava = "b1"\n  toy = "B1"\n' in said.out
    assert said.out.endswith("Nothing was written.\n")
    confirm(True)
    said = type_in("providers", "gear", "--link")
    assert (said.code, asked) == (0, ["Write it?"] * 2)
    assert file.read_text() == OWN + '\n[gear."Blue Bike"]\nstrava = "b1"\ntoy = "B1"\n'
    assert providers_file(file).gear == {"Blue Bike": {"strava": "b1", "toy": "B1"}}
    said = type_in("providers", "gear", "--link")
    assert said.out.startswith("There is nothing to link")
    assert len(asked) == 2
    assert json.loads(type_in("providers", "gear", "--json").out)["gear"]["Blue Bike"]["proposed"] == {}


def test_links_are_for_people_and_json_for_programs(world: World, type_in: Type) -> None:
    said = type_in("providers", "gear", "--link", "--json")
    assert (said.code, said.out, "choose one" in said.err) == (2, "", True)
