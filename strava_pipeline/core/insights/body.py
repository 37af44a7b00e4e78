"""Numbers of days and nights as texts, in the athlete's units."""

from strava_pipeline.core.insights.goals import NOTHING, Units
from strava_pipeline.core.wellness import KILOGRAMS_PER_POUND, MEASURES


def measured_text(value: float | None, measure: str, units: Units) -> str:
    """A number for a person: `54 ms`, `48 bpm`, `7 h 12 min`, `71.5 kg`; in imperial units `157.6 lb`."""
    if value is None:
        return NOTHING
    unit = MEASURES[measure].unit
    if unit == "s":
        hours, minutes = divmod(round(value / 60), 60)
        return f"{hours} h {minutes} min"
    if unit == "kg":
        return f"{value:.1f} kg" if units == "km" else f"{value / KILOGRAMS_PER_POUND:.1f} lb"
    return f"{value:.0f} {unit or ''}".rstrip()
