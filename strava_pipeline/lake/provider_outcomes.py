"""How the last step of each provider beside Strava ended, as data/state/providers/<name>.json: for `status` and `doctor`.

The file helps a person and nothing depends on it. Without it, or if it is damaged, the outcome is unknown.
"""

from contextlib import suppress
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake


class Outcome(BaseModel):
    """How a step of a provider ended.

    Args:
        operation: the step: listing, files.
        at: when it ended (UTC).
        succeeded: whether it did all that was asked for.
        message: what went wrong; empty: nothing.
        limited_until: when (UTC) a limit of the provider ends that is too long to be waited for.
    """

    model_config = ConfigDict(frozen=True)

    operation: str
    at: AwareDatetime
    succeeded: bool
    message: str = ""
    limited_until: AwareDatetime | None = None


def keep_outcome(lake: Lake, provider: str, outcome: Outcome) -> None:
    """Put the outcome on disk, in place of the provider's last one. A disk that refuses it stops nothing."""
    with suppress(OSError):
        write_whole(_file(lake, provider), outcome.model_dump_json().encode())


def last_outcome(lake: Lake, provider: str) -> Outcome | None:
    """How the provider's last step ended; None: unknown, or there was none."""
    try:
        return Outcome.model_validate_json(_file(lake, provider).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _file(lake: Lake, provider: str) -> Path:
    return lake.state / "providers" / f"{provider}.json"
