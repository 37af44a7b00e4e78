"""With TRIPS_OSRM_URL, diagnoses tell the length of the route: from a source, from its export, and in the warehouse."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from strava_pipeline.cli import main
from strava_pipeline.environment.settings import Settings
from strava_pipeline.trips.activity.keeping import saved_trips
from strava_pipeline.trips.activity.operations import read_trips
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.osrm import Osrm
from strava_pipeline_tests.trips.activity.sources import NEW, OLD, rides, write_sqlite

pytestmark = pytest.mark.slow

Typed = Callable[..., str]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """What a verb of `trips activity` writes, over three made-up trips."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIPS_SOURCE", f"sqlite:///{write_sqlite(tmp_path / 'trips.db', rides(3))}")
    monkeypatch.setenv("TRIPS_FERNET_KEYS", f"{NEW},{OLD}")

    def type_(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["strava-pipeline", "trips", "activity", *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        return capsys.readouterr().out

    return type_


def test_an_export_is_analysed_with_the_routes_of_its_source(
    typed: Typed, osrm_server: Osrm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPS_OSRM_URL", osrm_server.url)
    (tmp_path / "export.json").write_text(typed("export"))
    assert osrm_server.paths == []
    for form in ("text", "json"):
        told = typed("diagnose", "--format", form)
        assert typed("analyze", "export.json", "--format", form) == told
    assert [trip["metrics"]["distance_route_m"] for trip in json.loads(told)["trips"]] == [1000.5] * 3
    assert "by road, as routed" in typed("diagnose")
    assert len(osrm_server.paths) == 5 * 3


def test_without_the_setting_no_route_is_asked(typed: Typed) -> None:
    assert "by road, as routed" not in typed("diagnose")


def test_the_warehouse_keeps_the_length_of_the_route(
    typed: Typed, osrm_server: Osrm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPS_OSRM_URL", osrm_server.url)
    osrm_server.answers += [(200, b'{"code": "NoRoute"}')]
    settings = Settings.load(data_dir=tmp_path / "data")
    run = context_without_run(settings)
    read_trips(run, settings, [2026])
    held = saved_trips(run.lake, TRIP_DIAGNOSTICS).sort("external_id")
    assert held["distance_route_m"].to_list() == [1000.5, 1000.5, None]  # the latest trip is asked about first
