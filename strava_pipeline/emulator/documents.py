"""An activity as a document: what the list shows of it, and what a detail request shows.

Documents are what Strava would send, field by field; a field that is absent stays absent. Where they come from (a
generator, a file, a test's order) is the business of those who make them.
"""

from datetime import datetime
from typing import Any, Protocol

from strava_pipeline.emulator.wire import Json

# What a DetailedActivity has and a SummaryActivity has not: developers.strava.com/docs/reference, and real answers.
DETAIL_ONLY = frozenset(
    {
        "available_zones",
        "best_efforts",
        "calories",
        "description",
        "device_name",
        "embed_token",
        "gear",
        "hide_from_home",
        "highlighted_kudosers",
        "laps",
        "leaderboard_opt_out",
        "partner_brand_tag",
        "perceived_exertion",
        "photos",
        "prefer_perceived_exertion",
        "private_note",
        "segment_efforts",
        "segment_leaderboard_opt_out",
        "similar_activities",
        "splits_metric",
        "splits_standard",
        "stats_visibility",
    }
)

EFFORTS_WITHOUT_ALL = 3  # how many efforts a detail shows that did not ask for include_all_efforts


class Source(Protocol):
    """Where the documents of one activity come from."""

    def summary(self) -> Json:
        """As the list shows it."""
        ...

    def detail(self) -> Json:
        """As a detail request with all efforts shows it."""
        ...

    def streams(self) -> dict[str, list[Any]] | None:
        """Its recordings by key, all of one length; None if it has none."""
        ...


class Document:
    """An activity that is kept as one object, summary or detail, and served as it is.

    `recorded` is the activity it was before an edit: what was recorded stays.
    """

    __slots__ = ("_object", "_recorded")

    def __init__(self, activity: Json, recorded: Source | None = None) -> None:
        self._object, self._recorded = activity, recorded

    def summary(self) -> Json:
        """The object without what only details have."""
        return summary_of(self._object)

    def detail(self) -> Json:
        """The object itself; a summary stays as poor as it is."""
        return with_state(self._object, 3)

    def streams(self) -> dict[str, list[Any]] | None:
        """Those of the recording, if there is one."""
        return self._recorded.streams() if self._recorded else None


def is_detailed(activity: Json) -> bool:
    """Whether it says that it is a detail, or, saying nothing, holds anything that only a detail has."""
    if "resource_state" in activity:
        return bool(activity["resource_state"] == 3)
    return not DETAIL_ONLY.isdisjoint(activity)


def summary_of(activity: Json) -> Json:
    """What the list shows of a document."""
    if not is_detailed(activity):
        return activity
    summary = with_state({key: value for key, value in activity.items() if key not in DETAIL_ONLY}, 2)
    track = summary.get("map")
    if isinstance(track, dict):
        summary["map"] = with_state({key: value for key, value in track.items() if key != "polyline"}, 2)
    return summary


def with_state(document: Json, state: int) -> Json:
    """The document with another resource_state, if it states one at all."""
    return {**document, "resource_state": state} if "resource_state" in document else document


def without_all_efforts(detail: Json) -> Json:
    """A detail as it is sent when include_all_efforts is not asked for: the first few efforts that aren't hidden."""
    efforts = detail.get("segment_efforts")
    if not isinstance(efforts, list):
        return detail
    shown = [effort for effort in efforts if not effort.get("hidden")]
    return {**detail, "segment_efforts": shown[:EFFORTS_WITHOUT_ALL]}


def epoch_of(text: object) -> int:
    """The instant of an ISO date as Strava writes it, in whole epoch seconds; raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"start_date is {text!r}, not an ISO date")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"start_date {text!r} has no time zone")
    return int(moment.timestamp())


def is_only_me(activity: Json) -> bool:
    """Whether only the athlete may see it."""
    return activity.get("visibility") == "only_me" or ("visibility" not in activity and activity.get("private") is True)
