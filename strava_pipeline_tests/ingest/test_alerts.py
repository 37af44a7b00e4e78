"""Posting a message: as JSON, once, and no error says more of the address than its host."""

import socket
from collections.abc import Iterator

import pytest

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.alerts import AlertRefusedError, post_alert
from strava_pipeline_tests.receiver import KEY, Receiver, receiver

SETTINGS = Settings(_env_file=None)


@pytest.fixture
def listening() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_a_message_arrives_as_json(listening: Receiver) -> None:
    post_alert(listening.url, {"text": "Zürich\n2", "years": None}, SETTINGS)
    assert listening.got == [{"text": "Zürich\n2", "years": None}]
    assert listening.kinds == ["application/json"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, AlertRefusedError),
        (400, AlertRefusedError),
        (404, AlertRefusedError),
        (408, TransientError),
        (425, TransientError),
        (429, TransientError),
        (500, TransientError),
        (503, TransientError),
    ],
)
def test_the_answer_tells_whether_to_try_again(listening: Receiver, status: int, error: type[PipelineError]) -> None:
    listening.answers = [status]
    with pytest.raises(error) as caught:
        post_alert(listening.url, {"text": "x"}, SETTINGS)
    assert str(status) in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(listening.got) == 1


def test_nobody_there_may_be_tried_again_and_the_address_is_not_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(TransientError) as caught:
        post_alert(f"http://127.0.0.1:{port}/{KEY}?key={KEY}", {"text": "x"}, SETTINGS)
    assert "no answer from 127.0.0.1" in str(caught.value)
    assert KEY not in str(caught.value)
