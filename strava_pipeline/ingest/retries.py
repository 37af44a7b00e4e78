"""How often and how patiently a call that failed transiently is tried again. Which failures are, the callers say."""

from collections.abc import Callable
from functools import partial
from logging import Logger

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from strava_pipeline.core.errors import TransientError

ATTEMPTS = 3  # in all; each is a call off the budget
FIRST_PAUSE = 1.0  # seconds at the server; bursts of 5xx last a few seconds
LONGEST_PAUSE = 30.0
MOST_REFUSALS = 4  # 429s in a row for one call, each after its wait: then somebody else uses up the limit


def retrying(
    jitter: Callable[[], float],
    sleep: Callable[[float], None],
    log: Logger | None = None,
) -> Retrying:
    """The attempts at one call: a TransientError is tried again after a pause, the last one raised as it is.

    `log` has a line before each pause.
    """
    return Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=backoff(jitter),
        sleep=sleep,
        before_sleep=None if log is None else partial(_log_retry, log),
        reraise=True,
    )


def backoff(jitter: Callable[[], float]) -> Callable[[RetryCallState], float]:
    """Pauses of 1 s, 2 s, 4 s … times a factor in [1, 2) that `jitter` (a number in [0, 1)) chooses."""

    def pause(state: RetryCallState) -> float:
        doubled: float = FIRST_PAUSE * 2.0 ** (state.attempt_number - 1)
        return min(LONGEST_PAUSE, doubled * (1 + jitter()))

    return pause


def _log_retry(log: Logger, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.warning("%s; attempt %d of %d, trying again", error, state.attempt_number, ATTEMPTS)
