"""How many examples hypothesis draws: all, or with EXAMPLES=few a quarter, which `make test` has time for. A release draws all."""

import os

_PART = 4 if os.environ.get("EXAMPLES") == "few" else 1


def examples(most: int) -> int:
    """For `@settings(max_examples=examples(200))`."""
    return max(1, most // _PART)
