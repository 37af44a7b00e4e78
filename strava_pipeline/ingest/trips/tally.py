"""What reading came to: how many columns ended in which state, and how many trips each key opened.

It counts bundles, so it is the same for a source and for its export; it says nothing of any one trip.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from strava_pipeline.core.trips.activity.bundle import Bundle, State


@dataclass(slots=True)
class Tally:
    """`keys`: how many there are on the ring, so that one which opened nothing shows as 0: it can retire."""

    keys: int = 0
    trips: int = 0
    _states: Counter[tuple[str, State]] = field(default_factory=Counter, repr=False)
    _opened: Counter[int] = field(default_factory=Counter, repr=False)

    def add(self, bundles: Iterable[Bundle]) -> None:
        """Counts these trips, too."""
        for bundle in bundles:
            told = bundle.decryption
            self.trips += 1
            self._states["locations", told.locations] += 1
            self._states["activityDistribution", told.activity_distribution] += 1
            self._states["feedback", told.feedback] += 1
            if told.key_index is not None:
                self._opened[told.key_index] += 1

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """For each encrypted column, by the names of a bundle's `decryption`, how many trips are in each state."""
        return {
            column: {state.value: self._states[column, state] for state in State}
            for column in ("locations", "activityDistribution", "feedback")
        }

    @property
    def keys_used(self) -> dict[str, int]:
        """How many trips' `locations` each key opened, by its index."""
        return {str(index): self._opened[index] for index in sorted({*range(self.keys), *self._opened})}
