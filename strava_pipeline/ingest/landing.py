"""Landing: an interrupt waits from the sending of a call until its answer is on disk, so that no call is spent twice."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from strava_pipeline.core.process import deferred_interrupts

T = TypeVar("T")


class LandingClient:
    """The part of a client that lands. A client calls `_hold_interrupts` when it sends, the other before it pauses."""

    def __init__(self) -> None:
        self._under_way: ExitStack | None = None  # within `landing`: what holds interrupts back since a call was sent

    @contextmanager
    def landing(self) -> Iterator[None]:
        """An interrupt within the body waits from the sending of a call until the body has landed its answer.

        Waiting for a limit or for another attempt is interrupted at once.
        """
        under_way = self._under_way = ExitStack()
        try:
            yield
        finally:
            self._under_way = None
            under_way.close()

    def landed(self, answers: Iterator[T], land: Callable[[T], object]) -> Iterator[T]:
        """Each of `answers`, which are asked for as they are taken, after `land` has put it on disk."""
        while True:
            with self.landing():
                answer = next(answers, None)
                if answer is None:
                    return
                land(answer)
            yield answer

    def _hold_interrupts(self) -> None:
        if self._under_way is not None:
            self._under_way.enter_context(deferred_interrupts())

    def _let_interrupts_through(self) -> None:
        """One that came while the last call was under way takes effect here."""
        if self._under_way is not None:
            self._under_way.close()
