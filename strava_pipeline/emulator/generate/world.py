"""The generated world: sketches of all activities made at once, their documents made whenever one is asked for.

So that an emulator of fifty thousand activities starts in seconds. How a sketch or a document is made stands elsewhere.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from strava_pipeline.emulator.config import EmulatorConfig
from strava_pipeline.emulator.documents import epoch_of
from strava_pipeline.emulator.generate.calendar import Slot, slots
from strava_pipeline.emulator.generate.detail import detail_of
from strava_pipeline.emulator.generate.efforts import Boards
from strava_pipeline.emulator.generate.gear import ALL, detailed_gear, summary_gear
from strava_pipeline.emulator.generate.places import place_in, zone_info
from strava_pipeline.emulator.generate.sketch import Sketch, sketch
from strava_pipeline.emulator.generate.sports import kind_of, sport_named
from strava_pipeline.emulator.generate.streams import streams_of
from strava_pipeline.emulator.generate.summary import summary_of
from strava_pipeline.emulator.store import Row
from strava_pipeline.emulator.wire import Json

FIRST_ID = 2_200_000_000  # every id lies beyond 2^31
ID_EPOCH = 1_199_145_600  # 2008-01-01, when ids begin to rise with time
IDS_PER_SECOND = 25  # so that the ids of 2025 and 2026 are near Strava's, about 1.6e10


class GeneratedWorld:
    """All generated activities of one configuration."""

    def __init__(self, config: EmulatorConfig, athlete_id: int) -> None:
        self._config, self.athlete_id = config, athlete_id
        first, last = config.years
        now = config.now.timestamp()
        self._from = datetime(first, 1, 1, tzinfo=UTC).timestamp()
        self._to = max(self._from + 1, min(now, datetime(last + 1, 1, 1, tzinfo=UTC).timestamp()))
        self._gear: dict[str, Json] = {}
        self._uploads = 0
        self._sketches = self._drawn(int(now)) if config.activities else []

    def rows(self) -> list[Row]:
        """A row for each activity, oldest first."""
        return [self._row(each, float("-inf")) for each in self._sketches]

    def gear(self) -> list[Json]:
        """DetailedGear of all that came into use; distances are those of the activities made at the start."""
        totals = {gear.id: 0.0 for gear in ALL}
        for each in self._sketches:
            if each.gear_id:
                totals[each.gear_id] += each.distance
        used = {each.gear_id for each in self._sketches}
        return [detailed_gear(gear, totals[gear.id]) for gear in ALL if gear.id in used]

    def gear_summary(self, gear: Json) -> Json:
        """SummaryGear of a DetailedGear."""
        return summary_gear(gear)

    def summary(self, each: Sketch) -> Json:
        """Its SummaryActivity."""
        return summary_of(self._config.seed, self.athlete_id, each)

    def detail(self, each: Sketch) -> Json:
        """Its DetailedActivity with all efforts."""
        if not self._gear:
            self._gear = {item["id"]: summary_gear(item) for item in self.gear()}
        gear = self._gear.get(each.gear_id) if each.gear_id else None
        return detail_of(self._config.seed, self.athlete_id, each, gear)

    def streams(self, each: Sketch) -> dict[str, list[Any]] | None:
        """Its recordings."""
        return streams_of(self._config.seed, each)

    def upload(self, wanted: Json, identity: int, now: datetime) -> Row:
        """An activity made to order, the same whenever the order comes; it appears when it is over.

        Raises ValueError for an order that makes no sense.
        """
        start = epoch_of(wanted.get("start_date", now.isoformat()))
        zone = str(wanted.get("timezone", "Europe/Berlin")).rpartition(" ")[2]
        try:
            zone_info(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"There is no time zone {zone!r}.") from error
        slot = Slot(start, place_in(zone), sport_named(str(wanted.get("sport_type", "Ride"))))
        self._uploads += 1  # an id tells the moment: what is drawn by it would not be the same in a slower process
        rng = Random(f"{self._config.seed}:added:{self._uploads}:{start}")
        return self._appearing(sketch(identity, slot, self._share(start), rng, None), now.timestamp())

    def id_at(self, epoch: float) -> int:
        """The id that an activity uploaded at an instant gets."""
        return FIRST_ID + max(0, int(epoch - ID_EPOCH)) * IDS_PER_SECOND

    def type_of(self, sport_type: str) -> str:
        """The deprecated type of a sport_type."""
        return kind_of(sport_type)

    def _drawn(self, now: int) -> list[Sketch]:
        config, boards, identity = self._config, Boards(), 0
        rng = Random(f"{config.seed}:sketches")
        found = []
        for slot in slots(config.seed, config.activities, config.years, now):
            identity = max(identity + rng.randint(1, 9), self.id_at(slot.start) + rng.randrange(IDS_PER_SECOND))
            found.append(sketch(identity, slot, self._share(slot.start), rng, boards))
        return found

    def _share(self, epoch: float) -> float:
        return min(1.0, max(0.0, (epoch - self._from) / (self._to - self._from)))

    def _appearing(self, each: Sketch, now: float) -> Row:
        over = each.start + each.elapsed
        return self._row(each, float("-inf") if over <= now else over)

    def _row(self, each: Sketch, appears: float) -> Row:
        return Row(
            id=each.id,
            start=each.start,
            appears=appears,
            only_me=each.private,
            kind=each.sport.kind,
            distance=each.distance,
            moving_time=each.moving,
            elapsed_time=each.elapsed,
            gain=each.gain,
            source=_Generated(self, each),
        )


@dataclass(frozen=True, slots=True)
class _Generated:
    """The documents of one sketch."""

    world: GeneratedWorld
    each: Sketch

    def summary(self) -> Json:
        return self.world.summary(self.each)

    def detail(self) -> Json:
        return self.world.detail(self.each)

    def streams(self) -> dict[str, list[Any]] | None:
        return self.world.streams(self.each)
