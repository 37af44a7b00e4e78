"""Thresholds as data: a version is a file in thresholds/, each number with its unit, reason and source.

The rules that use them are in verdict.py; five thresholds are already used by metrics.py.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.json_values import number_text

CURRENT = "cycling-2026.1"
INSIDE_METRICS = ("teleport_speed_ms", "gap_s", "stationary_speed_ms", "poor_accuracy_m", "min_device_speed_share")
"""Thresholds in metrics: if one changes, the metrics are computed again."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`version` names the file, with changed values: `cycling-2026.1+max_avg_speed_kmh=30`."""

    version: str
    values: Mapping[str, float]

    def __getitem__(self, key: str) -> float:
        return self.values[key]

    def with_values(self, changes: Mapping[str, float]) -> "Thresholds":
        """These thresholds, with some values replaced. Raises MisuseError for an unknown key."""
        for key, value in changes.items():
            if key not in self.values:
                raise MisuseError(f"{key} is no threshold. There are: {', '.join(self.values)}")
            if not math.isfinite(value) or value < 0:
                raise MisuseError(f"{key}={value}: a threshold is a number from 0 on")
        differing = {key: value for key, value in changes.items() if value != self.values[key]}
        if not differing:
            return self
        changed = ",".join(f"{key}={number_text(value)}" for key, value in sorted(differing.items()))
        return Thresholds(f"{self.version}+{changed}", {**self.values, **differing})

    def difference(self, baseline: "Thresholds") -> dict[str, float]:
        """The values that differ from the baseline's."""
        return {key: value for key, value in self.values.items() if value != baseline.values[key]}

    @property
    def inside_metrics(self) -> tuple[float, ...]:
        """The values used in metrics: if they are equal, so are the metrics."""
        return tuple(self.values[key] for key in INSIDE_METRICS)


@cache
def thresholds(version: str = CURRENT) -> Thresholds:
    """The thresholds of a version. Raises MisuseError for a version that doesn't exist."""
    available = versions()
    if version not in available:
        raise MisuseError(f"{version} is no version of the thresholds. There are: {', '.join(available)}")
    return Thresholds(version, {key: float(entry["value"]) for key, entry in described(version).items()})


@cache
def described(version: str = CURRENT) -> dict[str, dict[str, Any]]:
    """The entries of a version: value, unit, reason and source of each."""
    return dict(json.loads((_folder() / f"{version}.json").read_text("utf-8")))


def versions() -> list[str]:
    """The existing versions, oldest first."""
    return sorted(entry.name.removesuffix(".json") for entry in _folder().iterdir() if entry.name.endswith(".json"))


def _folder() -> Any:
    return files(__package__) / "thresholds"
