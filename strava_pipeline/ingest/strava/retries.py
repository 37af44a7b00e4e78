"""How often and how patiently a failed call is tried again. Which failures those are, the callers say."""

from collections.abc import Callable

from tenacity import RetryCallState

ATTEMPTS = 3  # in all; each is a call off the budget
FIRST_PAUSE = 1.0  # seconds at the server; bursts of 5xx last a few seconds
LONGEST_PAUSE = 30.0


def backoff(jitter: Callable[[], float]) -> Callable[[RetryCallState], float]:
    """Pauses of 1 s, 2 s, 4 s … times a factor in [1, 2) that `jitter` (a number in [0, 1)) chooses."""

    def pause(state: RetryCallState) -> float:
        doubled: float = FIRST_PAUSE * 2.0 ** (state.attempt_number - 1)
        return min(LONGEST_PAUSE, doubled * (1 + jitter()))

    return pause
