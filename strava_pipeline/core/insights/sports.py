"""Which sports count together: the one table of sport groups, by Strava's SportType. A sport that is not in it is `other`.

`ride` holds what the deprecated `type` calls Ride and VirtualRide, and what is moved by a person on wheels like them; bikes
with a motor stand apart. Names as in developers.strava.com/docs/reference, SportType.
"""

from collections.abc import Collection, Iterable, Sequence

OTHER, ALL = "other", "all"
SPORTS: dict[str, str] = {
    "ride": "Ride VirtualRide GravelRide MountainBikeRide Velomobile Handcycle",
    "e_ride": "EBikeRide EMountainBikeRide",
    "run": "Run TrailRun VirtualRun",
    "walk": "Walk Hike",
    "swim": "Swim",
    "row": "Rowing VirtualRow",
    "water": "Canoeing Kayaking Kitesurf Sail StandUpPaddling Surfing Windsurf",
    "winter": "AlpineSki BackcountrySki NordicSki Snowboard Snowshoe IceSkate",
    "skate": "InlineSkate RollerSki Skateboard",
    "gym": "Crossfit Elliptical HighIntensityIntervalTraining Pilates StairStepper WeightTraining Workout Yoga",
    OTHER: "Badminton Basketball Cricket Dance Golf Padel Pickleball Racquetball RockClimbing Soccer Squash TableTennis Tennis"
    " Volleyball Wheelchair",
}
GROUP_OF: dict[str, str] = {sport: group for group, sports in SPORTS.items() for sport in sports.split()}


def unknown_sports(sports: Iterable[str]) -> list[str]:
    """Those of `sports` that no group names: they count as `other` until somebody gives them one."""
    return sorted({sport for sport in sports if sport not in GROUP_OF})


def chosen_sports(names: Sequence[str], known: Iterable[str] = ()) -> set[str | None]:
    """The sports that a person names, by group or by sport, commas between; `known`: what else there is in the warehouse.

    Names are told apart from groups by their case: `run` is the group, `Run` the sport. None stands for an activity that tells no
    sport, which counts as `other`. ValueError names what is neither, and tells of no name at all.
    """
    sports = {*GROUP_OF, *known}
    groups: dict[str, set[str | None]] = {group: set(held.split()) for group, held in SPORTS.items()}
    groups[OTHER] |= {*(sports - GROUP_OF.keys()), None}
    groups[ALL] = {*sports, None}
    chosen: set[str | None] = set()
    for name in (part.strip() for each in names for part in each.split(",")):
        if name in groups:
            chosen |= groups[name]
        elif name in sports:
            chosen.add(name)
        elif name:
            raise ValueError(
                f"no sport or group is called {name!r}; groups are {', '.join(groups)}; "
                "sports are written as Strava does: Ride, TrailRun"
            )
    if not chosen:
        raise ValueError("no sport and no group is named")
    return chosen


def whole_groups(chosen: Collection[str | None]) -> list[str]:
    """The groups of which every sport is among `chosen`; `all` where every group is."""
    whole = [
        group
        for group, held in SPORTS.items()
        if set(held.split()) <= set(chosen) and (group != OTHER or None in chosen)
    ]
    return [*whole, ALL] if len(whole) == len(SPORTS) else whole
