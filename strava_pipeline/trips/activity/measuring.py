"""Trips of a run decrypted, measured, judged and decided on: one pure function of a batch's rows.

Its results have no positions. Which trips are read is readings.py's, in which process trip_reading.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from strava_pipeline.core.limits import TripLimits
from strava_pipeline.core.process import without_garbage_collection
from strava_pipeline.trips.activity.reading.columns import plain_json
from strava_pipeline.trips.activity.reading.connect import UNANSWERED, Answers, Routes
from strava_pipeline.trips.activity.reading.keys import KeyRing
from strava_pipeline.trips.activity.reading.read import open_trip, sealed_hash
from strava_pipeline.trips.activity.reading.source import ListedTrip
from strava_pipeline.trips.activity.rules.bundle import Bundle, State
from strava_pipeline.trips.activity.rules.diagnosis import CODES, diagnose, diagnostics_rows, index_rows
from strava_pipeline.trips.activity.rules.replay import digest, stored_verdict, truth
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import ALGORITHMS


class Due(NamedTuple):
    """A trip that has to be read. `is_stored`: its rows belong into the tables, in the partition `year`."""

    id: str
    listed: ListedTrip
    name: str
    year: int
    is_stored: bool


class Read(NamedTuple):
    """What is known of a trip once it was read. `tried`: the keys, if none opened one of its columns."""

    id: str
    tried: str | None
    opened: str | None
    sealed: bytes
    digest: bytes
    stored: str
    label: str | None
    verdicts: str
    is_answered: bool


class Measured(NamedTuple):
    """Rows of `trip_index` and `trip_diagnostics`, and what is known of these trips."""

    indexed: pl.DataFrame
    diagnostics: pl.DataFrame
    read: list[Read]


SealedTrip = tuple[Due, Mapping[str, Any]]
"""A trip that has to be read, and its row with the encrypted columns as they are."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """What trips are read with: the keys and the limits of their size."""

    keys: KeyRing
    limits: TripLimits

    def of(self, trips: Sequence[SealedTrip], routes: Routes | None = None, known: Answers | None = None) -> Measured:
        """Read trips. `routes`: asks for lengths of routes; `known`: earlier answers, to which new ones are added."""
        answers = {} if known is None else known
        with without_garbage_collection():
            bundles = [open_trip(row, self.keys, self.limits) for _, row in trips]
        current = thresholds()
        diagnosed = diagnose(bundles, current, {} if routes is None else routes(bundles, answers))
        decided = [
            [trip.decision.verdict for trip in diagnosed]
            if version.full_name == current.version
            else [each.verdict for each in version.decide_all(bundles, [thresholds(version.full_name)])[0]]
            for version in ALGORITHMS
        ]
        stored = [place for place, (due, _) in enumerate(trips) if due.is_stored]
        years = [trips[place][0].year for place in stored]
        plain = [plain_json({name: trips[place][1][name] for name in ("id", *CODES, "created_at")}) for place in stored]
        return Measured(
            index_rows(plain, [bundles[place] for place in stored], years),
            diagnostics_rows([diagnosed[place] for place in stored], years, current.version),
            [
                self._read(due, row, bundle, verdicts, answers)
                for (due, row), bundle, verdicts in zip(trips, bundles, zip(*decided, strict=True), strict=True)
            ],
        )

    def _read(
        self, due: Due, row: Mapping[str, Any], bundle: Bundle, verdicts: Sequence[str], answers: Answers
    ) -> Read:
        opening, (label, _) = bundle.decryption, truth(bundle)
        states = (opening.locations, opening.activity_distribution, opening.feedback)
        return Read(
            id=due.id,
            tried=",".join(self.keys.names) if State.UNDECRYPTABLE in states else None,
            opened=None if opening.key_index is None else self.keys.names[opening.key_index],
            sealed=sealed_hash(row),
            digest=digest(bundle),
            stored=stored_verdict(bundle),
            label=label,
            verdicts=",".join(verdicts),
            is_answered=bundle.external_id not in answers or answers[bundle.external_id][0] != UNANSWERED,
        )
