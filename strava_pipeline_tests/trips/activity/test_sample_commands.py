"""The sample trips, which lie beside the checkout, through the command line: export, diagnosis, replay, sweep as expected.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.cli import main

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "trips"


def read(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


@pytest.fixture(params=["sqlite", "parquet"])
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name a source and its keys."""
    monkeypatch.chdir(tmp_path)
    source = f"{request.param}:///{SAMPLES / f'activity_trip.{request.param}'}"
    keys = tmp_path / "keys.json"
    keys.write_bytes((SAMPLES / "TEST_KEYS_ONLY.json").read_bytes())
    keys.chmod(0o600)
    return ["--source", source, "--keys-file", str(keys)]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """What `trips activity …` prints as JSON."""

    def typed(*words: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["strava-pipeline", "trips", "activity", *words])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert end.value.code == 0, said.err
        return json.loads(said.out)

    return typed


def latest_first(bundle: dict[str, Any]) -> tuple[str, str]:
    return bundle["summary"]["startTime"], bundle["externalId"]


def test_the_export_is_the_plain_export_the_latest_first(told: Any, where: list[str]) -> None:
    assert told("export", *where) == sorted(read("plain_export.json"), key=latest_first, reverse=True)


def nearly(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: nearly(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [nearly(inner) for inner in value]
    return pytest.approx(value, rel=1e-6, abs=0) if isinstance(value, float) else value


def same_as_expected(found: dict[str, Any]) -> None:
    expected = {trip["externalId"]: trip for trip in read("expected.json")["trips"]}
    assert found["thresholds_version"] == read("expected.json")["thresholds_version"]
    assert {trip["externalId"] for trip in found["trips"]} == expected.keys()
    for trip in found["trips"]:
        wanted = expected[trip["externalId"]]
        wanted.pop("generated_kind")
        metrics = wanted.pop("metrics")
        assert {name: trip["metrics"][name] for name in metrics} == nearly(metrics), trip["externalId"]
        assert {name: trip[name] for name in wanted} == nearly(wanted), trip["externalId"]


def test_the_diagnosis_is_the_expected_one(told: Any, where: list[str]) -> None:
    same_as_expected(told("diagnose", *where, "--format", "json"))


def test_the_analysis_of_the_export_is_the_expected_one(told: Any) -> None:
    same_as_expected(told("analyze", str(SAMPLES / "plain_export.json"), "--format", "json"))


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_replay_counts_as_expected(told: Any, where: list[str], processes: str) -> None:
    found = told("replay", *where, "--format", "json", "--processes", processes)
    assert found["thresholds"] == read("expected.json")["thresholds"]
    assert nearly(read("expected.json")["confusion"]["baseline"]).items() <= found["totals"].items()
    expected = {trip["externalId"]: trip for trip in read("expected.json")["trips"]}
    for trip in found["trips"]:
        wanted = expected[trip["externalId"]]
        assert (trip["new"], trip["reasons"], trip["label"], trip["outcome"]) == (
            wanted["verdict"], wanted["reasons"], wanted["label"], wanted["outcome_vs_stored"],
        )  # fmt: skip


def test_a_sweep_counts_every_set_as_expected(told: Any, where: list[str]) -> None:
    grids = ("--grid", "max_avg_speed_kmh=20,25,30,35,45", "--grid", "max_teleport_share=0.01")
    found, wanted = told("sweep", *where, *grids, "--format", "json"), read("expected.json")["confusion"]
    assert {name: {key: found["confusion"][name][key] for key in wanted[name]} for name in wanted} == wanted
    assert found["confusion"].keys() == wanted.keys()
