"""Names that a service gives an activity by itself: they are no person's word. Pure."""

import re

_PARTS = "morning|lunch|afternoon|evening|night"
_BY_TIME = re.compile(rf"({_PARTS}) (ride|run|walk|hike|swim|.+)", re.IGNORECASE)


def is_default_name(name: str, source: str, sport: str | None) -> bool:
    """Whether the service `source` names an activity so when nobody does."""
    return _BY_TIME.fullmatch(name.strip()) is not None
