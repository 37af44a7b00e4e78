"""Whether the workers of several machines suffice for the runs that Dagster launches."""

from pathlib import Path

import pytest

from strava_pipeline.orchestrate.queues import LOCATION, Limits, Worker, locations, shortages

A, B = frozenset({"a"}), frozenset({"b"})


@pytest.mark.parametrize(
    ("workers", "limits", "missing"),
    [
        pytest.param([Worker(A, 2), Worker(B, 2)], Limits(4, 2), [], id="one for each"),
        pytest.param([Worker(A, 1), Worker(A, 1), Worker(B, 3)], Limits(9, 2), [], id="two beside each other"),
        pytest.param([Worker(A | B, 2)], Limits(2, 1), [], id="one for both"),
        pytest.param([Worker(A, 2)], Limits(2, 2), ["no worker takes the runs of b."], id="a machine is off"),
        pytest.param([], Limits(2, 1), ["runs of a.", "runs of b."], id="no worker at all"),
        pytest.param([Worker(A, 2), Worker(B, 1)], Limits(9, 2), ["up to 2 runs of b", "have 1 slots", "--slots 2"], id="too few"),
    ],
)  # fmt: skip
def test_shortages(workers: list[Worker], limits: Limits, missing: list[str]) -> None:
    found = list(shortages(["a", "b"], workers, limits))
    assert bool(found) == bool(missing)
    assert not [words for words in missing if words not in str(found)]


def test_limits_and_locations_are_read_as_dagster_reads_them(tmp_path: Path) -> None:
    of_each = {"key": LOCATION, "value": {"applyLimitPerUniqueValue": True}, "limit": 2}
    runs = {"max_concurrent_runs": 6, "tag_concurrency_limits": [{"key": "dagster/backfill", "limit": 1}, of_each]}
    assert Limits.of({"concurrency": {"runs": runs}}) == Limits(6, 2)
    assert Limits.of({"concurrency": {"runs": {"max_concurrent_runs": 3}}}) == Limits(3, 3)
    assert Limits.of({}) == Limits(10, 10)
    workspace = tmp_path / "workspace.yaml"
    servers = "".join(f"- grpc_server: {{host: {name}, port: 4266, location_name: {name}}}\n" for name in "ab")
    workspace.write_text(f"load_from:\n{servers}")
    assert locations(workspace) == ["a", "b"]
