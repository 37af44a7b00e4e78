"""The athlete's bikes and shoes: when each came and went, and which one is taken for what.

And how they look as DetailedGear and SummaryGear.
"""

from dataclasses import dataclass

from strava_pipeline.emulator.generate.sports import Sport
from strava_pipeline.emulator.wire import Json


@dataclass(frozen=True, slots=True)
class Gear:
    """`since` and `until` are shares of the athlete's span of years."""

    id: str
    name: str
    nickname: str
    brand: str
    model: str
    since: float
    until: float
    frame_type: int | None = None
    weight: float | None = None
    description: str = ""


BIKES = (
    Gear(
        "b2471118", "Diamant 247", "Stadtrad 🚲", "Diamant", "247", 0.0, 9.0, 4, 14.2, "Commuter, mudguards & dynamo."
    ),
    Gear("b4815162", "Tarmac", "Tarmac", "Specialized", "Tarmac SL6", 0.0, 9.0, 3, 7.4, "Power meter since mid-life."),
    Gear(
        "b9775203",
        "Grizl",
        "Grüner Grizl",
        "Canyon",
        "Grizl CF",
        0.55,
        9.0,
        5,
        9.1,
        "Tubeless; keep an eye on the seal.",
    ),
)
SHOES = (
    Gear("g1072361", "ASICS Gel-Nimbus 16", "", "ASICS", "Gel-Nimbus 16", 0.0, 0.4),
    Gear("g8830147", "Brooks Ghost 12", "Geister", "Brooks", "Ghost 12", 0.35, 9.0),
    Gear("g15990328", "Saucony Ride 17", "", "Saucony", "Ride 17", 0.75, 9.0),
)
ALL = BIKES + SHOES
COMMUTER, ROAD, GRAVEL = BIKES


def gear_for(sport: Sport, commute: bool, share: float, dice: float) -> str | None:
    """The gear of an activity at a `share` of the span; `dice` in [0, 1) decides between two that would do."""
    if sport.name in ("GravelRide", "MountainBikeRide"):
        return GRAVEL.id if share >= GRAVEL.since else ROAD.id
    if sport.rides:
        return COMMUTER.id if commute else ROAD.id
    if sport.name not in ("Run", "Walk", "Hike") or (sport.name != "Run" and dice < 0.5):
        return None
    usable = [shoe for shoe in SHOES if shoe.since <= share < shoe.until]
    return usable[-1 if dice < 0.75 else 0].id


def detailed_gear(gear: Gear, distance: float) -> Json:
    """DetailedGear: `distance` in metres, as a whole number, as Strava has it."""
    document: Json = {
        "id": gear.id,
        "primary": gear in (ROAD, SHOES[-1]),
        "name": gear.name,
        "nickname": gear.nickname,
        "resource_state": 3,
        "retired": gear.until <= 1,
        "distance": round(distance),
        "converted_distance": round(distance / 1000, 1),
        "brand_name": gear.brand,
        "model_name": gear.model,
    }
    if gear.frame_type is not None:
        return document | {"frame_type": gear.frame_type, "description": gear.description, "weight": gear.weight}
    return document | {"description": gear.description, "notification_distance": 0}


def summary_gear(gear: Json) -> Json:
    """SummaryGear, as activities and the athlete show it."""
    shown = ("id", "primary", "name", "nickname", "resource_state", "retired", "distance", "converted_distance")
    return {key: gear[key] for key in shown if key in gear} | {"resource_state": 2}
