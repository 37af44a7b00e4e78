"""What Dagster's daemon and web server are given; how they start and end is e2e/test_service.py's."""

from pathlib import Path

import pytest
from dagster._grpc.utils import default_grpc_timeout

from strava_pipeline.settings import Settings
from strava_pipeline.verbs.dagster_process import environment_of_dagster


@pytest.mark.parametrize(("own", "seconds"), [(None, 180), ("90", 90)], ids=["ours", "the user's own"])
def test_dagster_waits_three_minutes_for_a_launch_unless_the_user_says_otherwise(
    own: str | None, seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_GRPC_TIMEOUT_SECONDS", raising=False)
    if own is not None:
        monkeypatch.setenv("DAGSTER_GRPC_TIMEOUT_SECONDS", own)
    given = environment_of_dagster(Settings.load(_env_file=None, data_dir=tmp_path))
    monkeypatch.setenv("DAGSTER_GRPC_TIMEOUT_SECONDS", given["DAGSTER_GRPC_TIMEOUT_SECONDS"])
    assert default_grpc_timeout() == seconds
