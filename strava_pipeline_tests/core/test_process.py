"""Interrupts that wait for the end of a piece of work."""

import signal
import threading
from collections.abc import Iterator

import pytest

from strava_pipeline.core.process import INTERRUPTS, deferred_interrupts


@pytest.fixture(autouse=True)
def raising() -> Iterator[None]:
    """Handlers as a terminal's, whatever the tests were started with."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in INTERRUPTS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", INTERRUPTS)
def test_one_takes_effect_when_the_body_has_ended(number: signal.Signals) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():  # noqa: PT012
        signal.raise_signal(number)
        done.append("all of it")
    assert done == ["all of it"]
    assert signal.getsignal(number) is signal.default_int_handler


def test_a_second_one_takes_effect_at_once_and_no_third() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        done.append("one")
        signal.raise_signal(signal.SIGTERM)
        done.append("two")
    assert done == ["one"]


def test_one_that_came_is_not_lost_when_the_body_fails() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        raise ValueError


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_is_ignored_or_ends_the_process_stays_so(handler: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, handler)
    with deferred_interrupts():
        assert signal.getsignal(signal.SIGTERM) is handler


def test_in_another_thread_nothing_changes() -> None:
    seen = []

    def look() -> None:
        with deferred_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
