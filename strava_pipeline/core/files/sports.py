"""The sports of activity files by Strava's names: FIT's sport and sub_sport, Garmin's type keys, the words of GPX and TCX. Pure.

Names of FIT from its public profile (types `sport` and `sub_sport`), of Garmin from its activityTypes, of Strava from its
SportType. A word that no table has is looked up among Strava's own names in every language. What is no sport of Strava's
(a transition, a dive, an unknown one) has no name here.
"""

from collections.abc import Mapping

from strava_pipeline.core.files.export_names import plain, sports

_WORDS: dict[str, str] = {
    "Ride": "cycling biking bike road_biking track_cycling recumbent_cycling bmx indoor_cycling spinning",
    "MountainBikeRide": "mountain_biking downhill_biking enduro_mtb mtb",
    "GravelRide": "gravel_cycling unbound_gravel_cycling cyclocross",
    "VirtualRide": "virtual_ride",
    "EBikeRide": "e_biking e_bike_fitness",
    "EMountainBikeRide": "e_bike_mountain e_enduro_mtb",
    "Handcycle": "hand_cycling indoor_hand_cycling",
    "Run": "running street_running track_running indoor_running treadmill treadmill_running obstacle_run",
    "TrailRun": "trail_running ultra_run",
    "VirtualRun": "virtual_run",
    "Walk": "walking casual_walking speed_walking indoor_walking",
    "Hike": "hiking mountaineering rucking",
    "Wheelchair": "wheelchair_push_walk wheelchair_push_run indoor_wheelchair_walk indoor_wheelchair_run",
    "Swim": "swimming lap_swimming open_water_swimming open_water",
    "WeightTraining": "strength_training",
    "HighIntensityIntervalTraining": "hiit amrap emom tabata",
    "Yoga": "yoga",
    "Pilates": "pilates",
    "Elliptical": "elliptical",
    "StairStepper": "stair_climbing",
    "Rowing": "rowing indoor_rowing",
    "Canoeing": "paddling",
    "Kayaking": "kayaking rafting whitewater_rafting whitewater_rafting_kayaking",
    "StandUpPaddling": "stand_up_paddleboarding",
    "Surfing": "surfing wakesurfing",
    "Kitesurf": "kitesurfing kiteboarding wind_kite_surfing",
    "Windsurf": "windsurfing",
    "Sail": "sailing boating offshore_grinding onshore_grinding",
    "AlpineSki": "alpine_skiing resort_skiing resort_skiing_snowboarding",
    "BackcountrySki": "backcountry_skiing backcountry_skiing_snowboarding",
    "NordicSki": "cross_country_skiing skate_skiing",
    "Snowboard": "snowboarding resort_snowboarding backcountry_snowboarding",
    "Snowshoe": "snowshoeing snow_shoe",
    "IceSkate": "ice_skating skating",
    "InlineSkate": "inline_skating",
    "RockClimbing": "rock_climbing indoor_climbing bouldering",
    "Golf": "golf disc_golf",
    "Tennis": "tennis platform_tennis",
    "TableTennis": "table_tennis",
    "Badminton": "badminton",
    "Squash": "squash",
    "Racquetball": "racquetball",
    "Pickleball": "pickleball",
    "Padel": "padel paddelball",
    "Soccer": "soccer",
    "Basketball": "basketball",
    "Volleyball": "volleyball",
    "Cricket": "cricket",
    "Dance": "dance",
    "Workout": "training fitness_equipment generic other cardio_training indoor_cardio",
}
"""Words of FIT and of Garmin, by Strava's sport."""

_STRAVA_GPX: dict[str, str] = {"1": "Ride", "4": "Hike", "9": "Run", "10": "Walk", "16": "Swim"}
"""What the GPX files that Strava exports have as their type. Published by nobody; these are the ones that importers agree on."""

_BY_SPORT: Mapping[str, str] = {word: sport for sport, words in _WORDS.items() for word in words.split()} | _STRAVA_GPX
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
_VAGUE = ("training", "fitness_equipment", "generic", "racket")  # FIT's sports of which the sub_sport is the sport
_VERSIONS = ("_v2", "_ws")  # what Garmin appends to some of its words


def sport_type(sport: str | None, sub_sport: str | None = None) -> str | None:
    """Strava's sport_type of what a file says; None where Strava has no such sport, or the file says nothing."""
    if sport is None or not sport.strip():
        return None
    word, sub_word = _word(sport), _word(sub_sport or "")
    found = _BY_SUB_SPORT.get((word, sub_word)) or (_BY_SPORT.get(sub_word) if word in _VAGUE else None)
    return found or _BY_SPORT.get(word) or sports().get(plain(sport))


def _word(written: str) -> str:
    word = "_".join(written.strip().lower().replace("-", " ").split())
    for version in _VERSIONS:
        word = word.removesuffix(version)
    return word
