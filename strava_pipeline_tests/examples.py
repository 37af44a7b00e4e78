"""How many examples hypothesis draws: all where EXAMPLES=all, as in .ci/run; else a quarter, which `make test` has time for."""

import os

_PART = 1 if os.environ.get("EXAMPLES") == "all" else 4


def examples(most: int) -> int:
    """For `@settings(max_examples=examples(200))`."""
    return max(1, most // _PART)
