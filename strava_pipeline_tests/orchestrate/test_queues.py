"""Whether a house's workers suffice for the runs that its Dagster launches."""

import pytest

from strava_pipeline.orchestrate.queues import QUEUE, Limits, Worker, queue_of, shortages

A, B, C = (queue_of(name) for name in "123")
WHO = {A: ["ann", "ben"], B: ["cleo"], C: ["dan"]}


@pytest.mark.parametrize(
    ("workers", "limits", "missing"),
    [
        pytest.param([Worker(frozenset({A, B, C}), 4)], Limits(4, 4), [], id="one worker for all"),
        pytest.param([Worker(frozenset({A, B, C}), 2)] * 2, Limits(4, 4), [], id="two beside each other"),
        pytest.param([Worker(frozenset({A, B}), 2), Worker(frozenset({C}), 1)], Limits(3, 1), [], id="two machines"),
        pytest.param([Worker(frozenset({A, B, C, "other"}), 3)], Limits(9, 1), [], id="a queue of nobody's counts for nothing"),
        pytest.param(
            [Worker(frozenset({A, B}), 2)], Limits(2, 1), ["No worker takes the runs of dan."], id="a machine is off"
        ),
        pytest.param([], Limits(2, 1), ["ann, ben", "cleo", "dan"], id="no worker at all"),
        pytest.param(
            [Worker(frozenset({A, B, C}), 2)], Limits(4, 4), ["Up to 4 runs", "--slots 4", "max_concurrent_runs"], id="too few"
        ),
        pytest.param(
            [Worker(frozenset({A}), 1), Worker(frozenset({B, C}), 2)], Limits(4, 2), [f"Up to 2 runs of {A}", f"Up to 4 runs of {B}"],
            id="the slots of one machine are none of another's",
        ),
        pytest.param(
            [Worker(frozenset({A}), 1), Worker(frozenset({B, C}), 2), Worker(frozenset({A, B}), 1)], Limits(5, 2), ["Up to 5 runs"],
            id="one worker joins two groups",
        ),
    ],
)  # fmt: skip
def test_shortages(workers: list[Worker], limits: Limits, missing: list[str]) -> None:
    found = list(shortages(WHO, workers, limits))
    assert bool(found) == bool(missing)
    assert not [words for words in missing if words not in "\n".join(found)]


def test_limits_are_read_as_dagster_reads_them() -> None:
    by_queue = {"key": QUEUE, "value": {"applyLimitPerUniqueValue": True}, "limit": 2}
    runs = {"max_concurrent_runs": 6, "tag_concurrency_limits": [{"key": "dagster/backfill", "limit": 1}, by_queue]}
    assert Limits.of({"concurrency": {"runs": runs}}) == Limits(6, 2)
    assert Limits.of({"concurrency": {"runs": {"max_concurrent_runs": 3}}}) == Limits(3, 3)
    assert Limits.of({}) == Limits(10, 10)
