"""The sources of one run, each with one client for all steps."""

from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource, Source


def source_of(name: str, settings: Settings, run: RunContext) -> Source:
    """The source `name`; nothing is sent yet."""
    kind = BudgetedSource if "budget" in spec_of(name).capabilities else Source
    return kind(name, settings, run)


class Sources:
    """The sources of one run."""

    def __init__(self, settings: Settings, run: RunContext) -> None:
        self._settings, self._run = settings, run
        self._sources: dict[str, Source] = {}

    def source(self, name: str) -> Source:
        """The source `name`; nothing is sent yet."""
        if name not in self._sources:
            self._sources[name] = source_of(name, self._settings, self._run)
        return self._sources[name]

    def budgeted(self, name: str) -> BudgetedSource:
        """The source `name`, whose record names `budget`."""
        source = self.source(name)
        assert isinstance(source, BudgetedSource), f"{name} has no budget"
        return source
