"""The sports of activity files by Strava's names: FIT's sport and sub_sport, the words of GPX and TCX. Pure.

Names of FIT from its public profile (types `sport` and `sub_sport`), of Strava from its SportType. A word that no table
has is looked for among Strava's own names in every language, and stays as it is where it isn't one.
"""

from collections.abc import Mapping

from strava_pipeline.core.files.export_names import plain, sports

_BY_SUB_SPORT: Mapping[tuple[str, str], str] = {
    ("cycling", "mountain"): "MountainBikeRide",
    ("cycling", "downhill"): "MountainBikeRide",
    ("cycling", "gravel_cycling"): "GravelRide",
    ("cycling", "cyclocross"): "GravelRide",
    ("cycling", "virtual_activity"): "VirtualRide",
    ("cycling", "hand_cycling"): "Handcycle",
    ("cycling", "e_bike_fitness"): "EBikeRide",
    ("cycling", "e_bike_mountain"): "EMountainBikeRide",
    ("running", "trail"): "TrailRun",
    ("running", "virtual_activity"): "VirtualRun",
    ("cross_country_skiing", "skate_skiing"): "NordicSki",
    ("alpine_skiing", "backcountry"): "BackcountrySki",
    ("training", "strength_training"): "WeightTraining",
    ("training", "yoga"): "Yoga",
    ("training", "pilates"): "Pilates",
    ("training", "hiit"): "HighIntensityIntervalTraining",
    ("fitness_equipment", "indoor_rowing"): "Rowing",
    ("fitness_equipment", "elliptical"): "Elliptical",
    ("fitness_equipment", "stair_climbing"): "StairStepper",
    ("fitness_equipment", "indoor_cycling"): "Ride",
    ("fitness_equipment", "treadmill"): "Run",
    ("fitness_equipment", "strength_training"): "WeightTraining",
    ("rowing", "indoor_rowing"): "Rowing",
}
_BY_SPORT: Mapping[str, str] = {
    "cycling": "Ride",
    "biking": "Ride",
    "running": "Run",
    "walking": "Walk",
    "hiking": "Hike",
    "mountaineering": "Hike",
    "swimming": "Swim",
    "e_biking": "EBikeRide",
    "rowing": "Rowing",
    "paddling": "Canoeing",
    "kayaking": "Kayaking",
    "stand_up_paddleboarding": "StandUpPaddling",
    "surfing": "Surfing",
    "kitesurfing": "Kitesurf",
    "windsurfing": "Windsurf",
    "sailing": "Sail",
    "alpine_skiing": "AlpineSki",
    "cross_country_skiing": "NordicSki",
    "snowboarding": "Snowboard",
    "snowshoeing": "Snowshoe",
    "ice_skating": "IceSkate",
    "inline_skating": "InlineSkate",
    "rock_climbing": "RockClimbing",
    "golf": "Golf",
    "tennis": "Tennis",
    "soccer": "Soccer",
    "racket": "Racquetball",
    "fitness_equipment": "Workout",
    "training": "Workout",
    "hiit": "HighIntensityIntervalTraining",
    "wheelchair_push_walk": "Wheelchair",
    "wheelchair_push_run": "Wheelchair",
    "generic": "Workout",
    "other": "Workout",
    "1": "Ride",  # what Strava's own GPX files have as their type
    "9": "Run",
}


def sport_type(sport: str | None, sub_sport: str | None = None) -> str | None:
    """Strava's sport_type of what a file says; its own word where nothing is known of it, None where it says nothing."""
    if sport is None or not sport.strip():
        return None
    word = "_".join(sport.strip().lower().replace("-", " ").split())
    return (
        _BY_SUB_SPORT.get((word, (sub_sport or "").lower())) or _BY_SPORT.get(word) or sports().get(plain(sport), sport)
    )
