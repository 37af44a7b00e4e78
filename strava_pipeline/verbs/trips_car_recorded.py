"""`trips car replay --recorded`: what other limits would have made of the pings that came. No positions are shown."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from strava_pipeline.verbs.echo import echo_json

if TYPE_CHECKING:
    from strava_pipeline.core.trips.car.config import Limits
    from strava_pipeline.lake.car_told import Comparison

FORMAT = "car-tracker-comparison/1"


def replay_recorded(limits: "Limits", *, as_json: bool) -> None:
    """Replay all of bronze twice, and show the trips that differ."""
    from strava_pipeline.lake.car_told import compared
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings

    found = compared(Lake(Settings.load().data_dir), limits)
    if as_json:
        echo_json({"format": FORMAT, **_plain(asdict(found))})
    else:
        _show(found)


def _show(found: "Comparison") -> None:
    from strava_pipeline.verbs.terminal import out

    out.print(
        f"{found.trips_before} trips, {found.cancelled_before} cancelled; with these limits {found.trips_after} and "
        f"{found.cancelled_after}. Different: {len(found.different)}."
    )
    for one in found.different:
        before, after = one.before or {}, one.after or {}
        changes = [
            f"{name} {_text(before.get(name))} → {_text(after.get(name))}"
            for name in {**before, **after}
            if before.get(name) != after.get(name)
        ]
        what = "; ".join(changes) if before and after else ("no trip any more" if before else "a trip now")
        out.print(f"  {one.trip_id}: {what}")
    if found.unknown:
        out.print(
            f"{found.unknown} times a car would have been asked that was not asked then; that counts as no answer, so these "
            "trips may have come out otherwise."
        )


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """With instants as text."""
    from strava_pipeline.core.trips.values import format_milliseconds

    def trip(one: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if one is None else {**one, "end_time": format_milliseconds(one["end_time"])}

    different = [{**one, "before": trip(one["before"]), "after": trip(one["after"])} for one in told["different"]]
    return {**told, "different": different}


def _text(value: Any) -> str:
    from strava_pipeline.core.trips.values import format_milliseconds

    if isinstance(value, float):
        return format_milliseconds(value) or "–" if value > 1e8 else f"{value:.3f}"
    return "–" if value is None else str(value)
