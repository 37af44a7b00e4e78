"""Servers beside Strava that answer without end, with a gzip bomb or drop by drop: nobody's memory or evening is theirs."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from strava_pipeline.core.errors import PipelineError, RefusedError, TransientError
from strava_pipeline.core.limits import SMALL_ANSWER
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import alerts
from strava_pipeline.ingest.http import Wire
from strava_pipeline_tests.hostile import KINDS, bomb, continuing, endless, hostile, trickling, trickling_head
from strava_pipeline_tests.patience import PATIENCE

SECONDS = 1  # of patience with what never ends; nobody waits for the thousandth of these
ROOM = 8_000_000  # bytes of Python's memory: some times the limit of a small answer

each_kind = pytest.mark.parametrize("answer", KINDS, ids=lambda kind: kind.__name__)
Answer = Callable[[BaseHTTPRequestHandler], object]


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < ROOM, peak


@each_kind
def test_a_wire_gives_up(answer: Answer) -> None:
    is_large = answer in (endless, bomb)
    patience = PATIENCE if is_large else SECONDS
    with hostile(answer) as url, pytest.raises(PipelineError) as caught:
        Wire(time.monotonic, limit=SMALL_ANSWER, patience=patience).send("GET", url, name="a question")
    if is_large:
        assert str(caught.value) == "a question: the answer is larger than 1 MB, measured unpacked"
        assert isinstance(caught.value, RefusedError)
    else:
        assert isinstance(caught.value, TransientError)


@pytest.mark.parametrize("answer", [endless, bomb, trickling], ids=lambda kind: kind.__name__)
def test_of_a_receiver_of_alerts_only_the_status_counts(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "PATIENCE", SECONDS)
    with hostile(answer) as url:
        alerts.post_alert(url, {"text": "a run failed"}, Settings(_env_file=None))


@pytest.mark.parametrize("answer", [trickling_head, continuing], ids=lambda kind: kind.__name__)
def test_a_receiver_that_never_answers_may_be_asked_again(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "PATIENCE", SECONDS)
    with hostile(answer) as url, pytest.raises(TransientError, match="no answer from"):
        alerts.post_alert(url, {"text": "a run failed"}, Settings(_env_file=None))
