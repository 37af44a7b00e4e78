"""Real payloads served by `emulator --dataset`, through the whole pipeline in Dagster: gold equals the source.

What was served is read back from the emulator by a client of our own, so that neither bronze nor the pipeline's parsing
is asked about itself.
"""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline_tests.lake.golden import detail_differences, summary_differences
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.samples.test_real_payloads import DETAILS, SUMMARIES, objects

pytestmark = pytest.mark.samples
TWICE = 154504250376824  # Strava's documentation shows one effort under two numbers: the other stands for it


def served(rig: Rig, path: str, **query: Any) -> Any:
    token = json.loads((rig.settings.secrets_dir / "strava_token.json").read_text())["access_token"]
    answer = requests.get(
        f"{rig.settings.api_url}{path}", params=query, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
    )
    answer.raise_for_status()
    return answer.json()


def test_a_run_over_all_real_payloads_has_gold_as_its_source(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    by_id = {item["id"]: item for name in [*SUMMARIES, *DETAILS] for item in objects(name) if "id" in item}
    assert len(by_id) > 130
    dataset = tmp_path / "real.json.gz"
    dataset.write_bytes(gzip.compress(json.dumps(list(by_id.values())).encode()))
    rig = make_rig(dataset=dataset, settings={"first_year": 2008})
    rig.run("flow_backfill")
    listing = [row for page in (1, 2) for row in served(rig, "/athlete/activities", per_page=200, page=page)]
    details = [served(rig, f"/activities/{key}", include_all_efforts="true") for key in by_id if key != TWICE]
    assert {row["id"] for row in listing} == set(by_id)
    assert summary_differences(rig.lake, listing) == []
    assert detail_differences(rig.lake, details) == []
