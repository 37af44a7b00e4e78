"""The numbers that `metrics` gives to Prometheus: the measured facts of metrics_parts.py, read on request.

The library is an extra of the installation: only the command imports this module. Nothing is kept between two answers
except the last one for some seconds, so that a client that asks in a loop costs no more than Prometheus does.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import PREFIX, Measure, Sample
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import insights_snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.facts import Group

ATHLETE = "athlete"
UP = Measure("part_up", "gauge", "Whether a part of these numbers could be read", ("part",))
SETTINGS, ATHLETES = "settings", "athletes"  # further values of its label: an athlete's settings, the list of athletes
FRESH = 5.0  # seconds that an answer is given again; Prometheus asks each 15 to 60
T = TypeVar("T")
Family = GaugeMetricFamily | CounterMetricFamily
_KINDS: dict[str, type[Family]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A data folder: the loader of its settings, and the groups of facts to read."""

    load: Callable[[], Settings]
    groups: Mapping[str, Group]


class MetricsCollector(Collector):
    """The numbers of all data folders.

    Args:
        measures: the possible measures; all of them are described.
        subjects: the folders to read, by name; called for each answer.
        are_named: whether each sample has the label `athlete`.
        say: gets a line when a part can't be read, and once it can be again.
        now: the time (UTC).
    """

    def __init__(
        self,
        measures: Sequence[Measure],
        subjects: Callable[[], Mapping[str, Subject]],
        *,
        are_named: bool,
        say: Callable[[str], object],
        now: Callable[[], datetime],
    ) -> None:
        self._measures, self._subjects, self._are_named, self._say, self._now = measures, subjects, are_named, say, now
        self._lock = threading.Lock()
        self._answer: tuple[float, list[Family]] | None = None
        self._faults: dict[tuple[str, str], str] = {}

    def describe(self) -> Iterable[Family]:
        """Empty, so that registering it doesn't read the data folders."""
        return ()

    def collect(self) -> Iterable[Family]:
        """Every measure with its samples, including measures without any."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._answer[0] > FRESH:
                self._answer = time.monotonic(), self._read()
            return self._answer[1]

    def _read(self) -> list[Family]:
        families = {measure: self._family(measure) for measure in (UP, *self._measures)}
        for name, sample in self._samples():
            value = sample.value.timestamp() if isinstance(sample.value, datetime) else sample.value
            if value is not None:
                families[sample.of].add_metric((*([name] if self._are_named else []), *sample.labels), value)
        return list(families.values())

    def _family(self, measure: Measure) -> Family:
        labels = (ATHLETE, *measure.labels) if self._are_named else measure.labels
        return _KINDS[measure.kind](f"{PREFIX}{measure.name}", f"{measure.about}.", labels=labels)

    def _samples(self) -> list[tuple[str, Sample]]:
        """The samples of each data folder, with its name."""
        found: list[tuple[str, Sample]] = []

        def tried(name: str, part: str, read: Callable[[], T]) -> T | None:
            fault = ""
            try:
                return read()
            except Exception as error:  # noqa: BLE001 - told as a number and a line; one damaged part must not hide the others
                fault = str(error) if isinstance(error, PipelineError) else type(error).__name__
                return None
            finally:
                if self._are_named or part not in (ATHLETES, SETTINGS):  # else they were read at the start
                    found.append((name, UP(not fault, part)))
                self._note(name, part, fault)

        for name, subject in (tried("", ATHLETES, self._subjects) or {}).items():
            if (settings := tried(name, SETTINGS, subject.load)) is None:
                continue
            with _one_connection(Lake(settings.data_dir)):
                for part, group in subject.groups.items():
                    facts = tried(name, part, lambda: list(group(settings, self._now())))  # noqa: B023 - called at once
                    found += [(name, sample) for fact in facts or () for sample in fact.samples]
        return found

    def _note(self, name: str, part: str, fault: str) -> None:
        """Report changes since the last answer."""
        if self._faults.get((name, part), "") != fault:
            self._faults[name, part] = fault
            whose = f" of {name}" if name else ""
            self._say(f"The metrics {part!r}{whose} {f'are left out: {fault}' if fault else 'are back.'}")


@contextmanager
def _one_connection(lake: Lake) -> Iterator[None]:
    """Open the snapshot once for all readings in the body, since that costs 20 ms of CPU."""
    with ExitStack() as held:
        with suppress(PipelineError):  # each part that needs it reports its faults
            held.enter_context(insights_snapshot(lake))
        yield
