"""Facts of a source, for tests that look at one of them."""

import json
from datetime import datetime
from typing import Any

from strava_pipeline.core.facts import Fact
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import primed_clock
from strava_pipeline.operations.facts import facts


def facts_of(settings: Settings, source: str, name: str, now: datetime | None = None) -> list[Fact]:
    """The facts of that name about a source."""
    found = facts(settings, now or primed_clock(settings).now(), ["services"])
    return [fact for fact in found if (fact.of, fact.name) == (source, name)]


def shown(text: str) -> dict[str, Any]:
    """The facts of `status --json` by source and name; of several by one name the first."""
    facts = json.loads(text)["facts"]
    return {f"{fact['of']} {fact['name']}".strip(): fact for fact in reversed(facts)}
