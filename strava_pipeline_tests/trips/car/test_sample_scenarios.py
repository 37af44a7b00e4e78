"""The sample scenarios of car trips, which lie beside the checkout, through the command line, compared by the samples' own comparer.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.cli import main

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "trips"
SCENARIOS = SAMPLES / "tracker_scenarios.json"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Any:
    """What `trips car replay` prints."""

    def typed(*words: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["strava-pipeline", "trips", "car", "replay", *words])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsysbinary.readouterr()
        assert end.value.code == 0, said.err
        return json.loads(said.out)

    return typed


def failed(result: Any) -> list[Any]:
    """The scenarios that aren't as expected, each with what is otherwise."""
    compare = runpy.run_path(str(SAMPLES / "compare_scenarios.py"))["compare"]
    bad, steps = compare(json.loads(SCENARIOS.read_bytes()), result)
    assert steps > 100
    return bad  # type: ignore[no-any-return]


def test_every_step_of_every_scenario_is_as_expected(told: Any) -> None:
    assert failed(told(str(SCENARIOS))) == []


def test_the_comparison_sees_a_difference(told: Any) -> None:
    names = [name for name, _ in failed(told(str(SCENARIOS), "--set", "parked_count=4", "--set", "cooldown_s=0"))]
    assert names == ["sample-01-normal", "sample-09-cooldown", "sample-12-hold"]


def test_what_is_expected_changes_nothing(told: Any, tmp_path: Path) -> None:
    document = json.loads(SCENARIOS.read_bytes())
    for scenario in document["scenarios"]:
        for step in scenario["steps"]:
            step["expect"] = {"status": "cancelled"}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document))
    assert told(str(other)) == told(str(SCENARIOS))
