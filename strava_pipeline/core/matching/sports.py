"""Sports that one activity may go by: families of Strava's sport types. A sport of no family is of its own. Pure."""

_FAMILIES = (
    "Ride MountainBikeRide GravelRide EBikeRide EMountainBikeRide VirtualRide Velomobile Handcycle",
    "Run TrailRun VirtualRun Walk Hike Snowshoe",
    "NordicSki BackcountrySki RollerSki AlpineSki Snowboard InlineSkate IceSkate",
    "Rowing VirtualRow Canoeing Kayaking StandUpPaddling Sail Windsurf Kitesurf Surfing",
    "Workout WeightTraining Crossfit HighIntensityIntervalTraining Elliptical StairStepper Yoga Pilates",
)
FAMILY: dict[str, str] = {sport: family.split()[0] for family in _FAMILIES for sport in family.split()}
UNSAID = "Workout"
"""What devices call an activity of which they know no sport."""
