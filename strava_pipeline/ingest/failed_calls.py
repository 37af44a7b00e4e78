"""Counts of failed calls to each source, by kind: data/state/failed_calls/SOURCE.json, updated by every process of a folder.

Each attempt without a good answer counts, including retried ones and answers that something is gone. Nothing depends on
the numbers, which are for monitoring. An unreadable file starts again at 0.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.settings import Settings

Kind = Literal["no_answer", "broken_off", "login", "gone", "limit", "refused", "server"]
KINDS: dict[Kind, str] = {  # in words behind their number
    "no_answer": "without a connection, or with no answer in time",
    "broken_off": "with an answer that broke off, or was too large",
    "login": "refused by login (401, 403)",
    "gone": "for something that is not there (404), such as the file of an activity without one",
    "limit": "above its limit (429)",
    "refused": "refused otherwise",
    "server": "with a fault of the service (500 or more)",
}
_BY_STATUS: dict[int, Kind] = {401: "login", 403: "login", 404: "gone", 429: "limit"}


def kind_of(status: int) -> Kind | None:
    """The kind of an answer's status, or None if the call did not fail."""
    if status < 300:
        return None
    return _BY_STATUS.get(status, "server" if status >= 500 else "refused")


def counting(settings: Settings, source: str) -> Callable[[Kind], None]:
    """A counter of the source's failed calls. A disk that refuses the count stops nothing."""
    path = _folder(settings) / f"{source}.json"

    def count(kind: Kind) -> None:
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)  # not its parents: what only tries a login makes no data folder
            with exclusive(path.with_suffix(".lock")):
                counts = _read(path)
                temporary = path.with_suffix(".tmp")
                temporary.write_text(json.dumps({**counts, kind: counts.get(kind, 0) + 1}))
                temporary.replace(path)

    return count


def failed_calls(settings: Settings) -> dict[str, dict[str, int]]:
    """The number of failed calls, by source and kind. Raises OSError if a file may not be read."""
    return {path.stem: _read(path) for path in sorted(_folder(settings).glob("*.json"))}


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "state" / "failed_calls"


def _read(path: Path) -> dict[str, int]:
    try:
        counts = json.loads(path.read_bytes())
        return {kind: int(counts.get(kind, 0)) for kind in KINDS}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return dict.fromkeys(KINDS, 0)
