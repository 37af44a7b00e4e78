"""Names as pages show them: those that somebody wrote, and words of ours for an activity without one."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from strava_pipeline.core.sports import sport_name
from strava_pipeline.core.text import printable

LONGEST = 120  # characters of a name in a list; its own page has all of it
_DAYTIMES = ((5, "night"), (11, "morning"), (14, "midday"), (18, "afternoon"), (22, "evening"), (24, "night"))
"""Hours until which a time of the day lasts."""


def name(text: str | None, longest: int = LONGEST) -> Markup:
    """A name that somebody wrote, cut to its length, isolated from the direction of the text around it."""
    words = " ".join((text or "").split())
    if not words:
        return Markup("<i>without a name</i>")
    cut = words if len(words) <= longest else f"{words[: longest - 1]}…"
    return Markup("<bdi>{}</bdi>").format(printable(cut))


def titled(row: Mapping[str, Any], longest: int = LONGEST) -> Markup:
    """The name of an activity. Without one it has words of ours, marked as such: *Evening ride near Manhattan*.

    `row`: with `name`, `sport_type`, and where they are known `start_date_local` and `place`.
    """
    if (row["name"] or "").strip():
        return name(row["name"], longest)
    start, place = row.get("start_date_local"), row.get("place")
    daytime = next(word for until, word in _DAYTIMES if start.hour < until) if start else ""
    words = (
        daytime,
        sport_name(row["sport_type"]) if row["sport_type"] else "activity",
        f"near {place}" if place else "",
    )
    text = " ".join(filter(None, (words[0], words[1].lower(), words[2])))
    return Markup('<i class="ours">{}</i>').format(printable(text[:1].upper() + text[1:]))
