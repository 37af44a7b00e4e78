"""An intake for a test; whatever it was sent, its log never held the secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strava_pipeline.ingest.strava.webhooks import verify_token
from strava_pipeline_tests.serve.client import SECRET, Intake, intake


@pytest.fixture
def served(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Intake]:
    with intake(tmp_path / "data") as made:
        yield made
    said = "".join(made.lines) + "".join(capfd.readouterr())
    assert SECRET not in said
    assert verify_token(SECRET) not in said
