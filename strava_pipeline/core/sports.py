"""Sports by Strava's SportType: their words in activity files, their groups, and the sports that may be one activity. Pure.

`ride` contains Ride and VirtualRide of the deprecated `type`, and similar human-powered wheels; bikes with a motor are
a group of their own. Names as in developers.strava.com/docs/reference, SportType; those of FIT are from its public
profile (types `sport` and `sub_sport`), those of Garmin from its activityTypes. The words of export archives and of
other programs stand in files/export_sports.csv.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache

OTHER, ALL = "other", "all"
FILE_SPORTS = "Ride,VirtualRide"  # default of STRAVA_INSIGHT_SPORTS: counted by the system whose files we write
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
    "gym": "Crossfit Elliptical HighIntensityIntervalTraining PhysicalTherapy Pilates StairStepper WeightTraining Workout"
    " Yoga",
    "triathlon": "Triathlon",
    OTHER: "Badminton Basketball Cricket Dance Golf Padel Pickleball Racquetball RockClimbing Soccer Squash TableTennis Tennis"
    " Volleyball Wheelchair",
}
# where a word begins in GravelRide and EBikeRide
_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
GROUP_OF: dict[str, str] = {sport: group for group, sports in SPORTS.items() for sport in sports.split()}


def sport_name(sport: str) -> str:
    """A sport in words: `Mountain bike ride`, `E-bike ride`, `Run`; `Driving` for `driving_general`."""
    words = _CAPITALS.sub(" ", sport.removesuffix("_general")).replace("_", " ").split(" ")
    words = [f"E-{words[1]}", *words[2:]] if words[0] == "E" and len(words) > 1 else words
    return " ".join([words[0][:1].upper() + words[0][1:].lower(), *(word.lower() for word in words[1:])])


def unknown_sports(sports: Iterable[str]) -> list[str]:
    """The sports without a group, which count as `other`."""
    return sorted({sport for sport in sports if sport not in GROUP_OF})


def chosen_sports(names: Sequence[str], others: Iterable[str] = ()) -> set[str | None]:
    """The sports that a person names, by group or by sport, with commas; `others`: further sports in the warehouse.

    Case distinguishes groups and sports: `run` is the group, `Run` the sport. None stands for activities without a
    sport, which count as `other`. Raises ValueError for an unknown name, and for an empty list.

        chosen_sports(["Run,Hike"])  # {"Run", "Hike"}
    """
    sports = {*GROUP_OF, *others}
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


def typed_sports(words: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    """The sports that a person types, in any case, with commas: `ride,TRAILRUN` means Ride and TrailRun; groups are not accepted.

    `others`: sports beyond this program's table. Raises ValueError for another word, with the sports that look like it.
    """
    names = {sport.lower(): sport for sport in (*GROUP_OF, *others)}
    found = set()
    for word in (part.strip() for each in words for part in each.split(",")):
        if word and word.lower() not in names:
            near = get_close_matches(word.lower(), names, n=5, cutoff=0.5)
            listed = ", ".join(sorted(names[one] for one in near or names))
            raise ValueError(
                f"{word!r} is no sport of Strava's. {'The nearest ones' if near else 'There are'}: {listed}"
            )
        if word:
            found.add(names[word.lower()])
    if not found:
        raise ValueError("which sports? Write them as Strava does, with commas between: Ride,TrailRun")
    return sorted(found)


def whole_groups(chosen: Collection[str | None]) -> list[str]:
    """The groups whose sports are all in `chosen`; also `all` if every group is."""
    whole = [
        group
        for group, held in SPORTS.items()
        if set(held.split()) <= set(chosen) and (group != OTHER or None in chosen)
    ]
    return [*whole, ALL] if len(whole) == len(SPORTS) else whole


_FAMILIES = (
    "Ride MountainBikeRide GravelRide EBikeRide EMountainBikeRide VirtualRide Velomobile Handcycle",
    "Run TrailRun VirtualRun Walk Hike Snowshoe",
    "NordicSki BackcountrySki RollerSki AlpineSki Snowboard InlineSkate IceSkate",
    "Rowing VirtualRow Canoeing Kayaking StandUpPaddling Sail Windsurf Kitesurf Surfing",
    "Workout WeightTraining Crossfit HighIntensityIntervalTraining Elliptical StairStepper Yoga Pilates PhysicalTherapy",
)
FAMILY: dict[str, str] = {sport: family.split()[0] for family in _FAMILIES for sport in family.split()}
INDOORS: dict[str, str] = {"Ride": "VirtualRide", "Run": "VirtualRun", "Rowing": "VirtualRow"}
"""Words for a sport on a trainer or treadmill, at services that have a sport of its own for that."""
VIRTUAL = "Virtual"  # prefix of the sports whose positions are in a virtual world
LIFTED = ["AlpineSki", "Snowboard"]
"""Sports in which a lift does the climbing."""
_CARS = "driving driving_general car atv atv_v2 auto_racing overland"
_MOTORCYCLES = "motorcycling motorcycling_v2 motorcycle motorbike motocross motocross_v2"
DRIVES = frozenset(f"{_CARS} {_MOTORCYCLES}".split())
"""Words of services and files for a drive, in small letters; a drive isn't an athlete's activity."""
UNSPECIFIED = "Workout"
"""Devices' words for an activity whose sport they don't know."""


_STRAVA_GPX: dict[str, str] = {"1": "Ride", "4": "Hike", "9": "Run", "10": "Walk", "16": "Swim"}
"""The types in GPX files that Strava exports. Strava doesn't publish them; importers agree on these."""

_BY_SUB_SPORT: Mapping[tuple[str, str], str] = {
    ("cycling", "mountain"): "MountainBikeRide",
    ("cycling", "downhill"): "MountainBikeRide",
    ("cycling", "gravel_cycling"): "GravelRide",
    ("cycling", "cyclocross"): "GravelRide",
    ("cycling", "virtual_activity"): "VirtualRide",
    ("cycling", "hand_cycling"): "Handcycle",
    ("cycling", "indoor_hand_cycling"): "Handcycle",
    ("cycling", "e_bike_fitness"): "EBikeRide",
    ("cycling", "e_bike_mountain"): "EMountainBikeRide",
    ("e_biking", "e_bike_mountain"): "EMountainBikeRide",
    ("e_biking", "mountain"): "EMountainBikeRide",
    ("running", "trail"): "TrailRun",
    ("running", "ultra"): "TrailRun",
    ("running", "virtual_activity"): "VirtualRun",
    ("alpine_skiing", "backcountry"): "BackcountrySki",
}
# sports of FIT where the sub_sport is the sport
_VAGUE = ("training", "fitness_equipment", "generic", "racket")
_VERSION = re.compile(r"_(v2|ws)$")  # what Garmin appends to some of its words
_BASES = ("cycling", "running", "walking", "hiking", "swimming")  # programs add a place or a purpose to these
_OTHER_SPORTS = frozenset({*_BASES, "motor", "wheelchair", "e", "electric", "hand", "virtual", "ski", "horse"})


_FIT_SPORTS = (
    "generic running cycling transition fitness_equipment swimming basketball soccer tennis "
    "american_football training walking cross_country_skiing alpine_skiing snowboarding rowing "
    "mountaineering hiking multisport paddling flying e_biking motorcycling boating driving golf "
    "hang_gliding horseback_riding hunting fishing inline_skating rock_climbing sailing ice_skating "
    "sky_diving snowshoeing snowmobiling stand_up_paddleboarding surfing wakeboarding water_skiing "
    "kayaking rafting windsurfing kitesurfing"
)
FIT_SPORTS: dict[int, str] = dict(enumerate(_FIT_SPORTS.split())) | {62: "hiit"}
"""Words of FIT by their number, of its public profile."""
FIT_SUB_SPORTS: dict[int, str] = {
    1: "treadmill",
    3: "trail",
    5: "spin",
    6: "indoor_cycling",
    8: "mountain",
    9: "downhill",
    11: "cyclocross",
    12: "hand_cycling",
    14: "indoor_rowing",
    15: "elliptical",
    16: "stair_climbing",
    20: "strength_training",
    27: "indoor_walking",
    28: "e_bike_fitness",
    37: "backcountry",
    43: "yoga",
    44: "pilates",
    45: "indoor_running",
    46: "gravel_cycling",
    47: "e_bike_mountain",
    48: "commuting",
    58: "virtual_activity",
    67: "ultra",
    70: "hiit",
    88: "indoor_hand_cycling",
}
"""The sub-sports that change the sport."""


@lru_cache(maxsize=1000)  # rows of a list name the same few sports over and over
def sport_type(sport: str | None, sub_sport: str | None = None) -> str | None:
    """Strava's sport_type for the words of a file, or None if Strava has no such sport, or the file has none."""
    if sport is None or not sport.strip():
        return None
    known, word, sub_word = _sports_by_word("devices", "others"), _word(sport), _word(sub_sport or "")
    found = _BY_SUB_SPORT.get((word, sub_word)) or (known.get(sub_word) if word in _VAGUE else None)
    return found or known.get(word) or known.get(_VERSION.sub("", word)) or _by_part(word, known)


def is_in_names(word: str) -> bool:
    """Whether services write the word into default names: a sport of Strava's in any language, or of a device's."""
    return _word(word) in _sports_by_word("devices")


def _by_part(word: str, known: Mapping[str, str]) -> str | None:
    """The sport of `cycling_…` and `…_cycling`, unless the other part makes another one; also with the parts of
    `skiing_alpine` swapped.
    """
    parts = word.split("_")
    for base, *others in (parts, parts[::-1]):
        if base in _BASES and _OTHER_SPORTS.isdisjoint(others):
            return _BY_SUB_SPORT.get((base, others[0])) or known[base]
    return known.get("_".join([*parts[1:], parts[0]]))


@cache
def _sports_by_word(*columns: str) -> Mapping[str, str]:
    # here, as few commands need the tables of archives
    from strava_pipeline.core.files.export_columns import sport_types_by_name, sport_words

    tables = [sport_types_by_name(), *map(sport_words, columns), _STRAVA_GPX]
    return {_word(name): sport for table in tables for name, sport in table.items()}


def _word(written: str) -> str:
    from strava_pipeline.core.files.export_columns import normalised

    return re.sub(r"[\W_]+", "_", normalised(written)).strip("_")
