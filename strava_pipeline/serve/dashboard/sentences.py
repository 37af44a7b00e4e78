"""Days, moments, and the sentences of runs and facts as pages have them, which the command line shares."""

import re
from datetime import date, datetime, tzinfo

from markupsafe import Markup

from strava_pipeline.core.insights.goals import NOTHING, USUAL_DATES, Dates, day_text
from strava_pipeline.core.text import printable

_DAY = re.compile(r"`[^`]*`|(?<![\w/.-])(\d{4}-\d\d-\d\d)(?:( \d\d:\d\d) UTC)?(?![\w/-])")
_CODE = re.compile(r"`([^`]+)`")
_PAGES = {
    "changes list": ("/sync", "Sync"),
    "changes apply": ("/sync", "Sync"),
    "devices": ("/devices", "Devices"),
    "goals check": ("/settings", "Settings"),
    "matches list": ("/pairs", "Pairs that may be one"),
    "notifications list": ("/notifications", "Notifications"),
    "providers pull": ("/providers", "Services"),
}
"""What a page does, too, by the command."""


def day(value: date | datetime | None, dates: Dates) -> str:
    return day_text(value.date() if isinstance(value, datetime) else value, dates)


def moment(value: datetime | None, zone: tzinfo, dates: Dates = USUAL_DATES) -> str:
    """A day with its time: `5 Mar 2026, 08:00`. An instant is shown in `zone`, a clock time unchanged."""
    if value is None:
        return NOTHING
    local = value if value.tzinfo is None else value.astimezone(zone)
    return f"{day_text(local.date(), dates)}, {local:%H:%M}"


def text_moment(text: str | datetime | None, zone: tzinfo, dates: Dates = USUAL_DATES) -> str:
    """A moment that came as a text in ISO, or as a moment."""
    return moment(datetime.fromisoformat(text) if isinstance(text, str) else text, zone, dates)


def clocked(text: str, zone: tzinfo, dates: Dates = USUAL_DATES) -> str:
    """A sentence whose days, and moments in `at_minute`'s UTC form, are as a person writes them, in `zone`; `code` stays."""

    def said(found: re.Match[str]) -> str:
        on, at = found.groups()
        try:
            if at:
                return moment(datetime.fromisoformat(f"{on}{at}+00:00"), zone, dates)
            return day_text(date.fromisoformat(on or ""), dates)
        except ValueError:  # code, or no day
            return found[0]

    return _DAY.sub(said, text)


def prose(text: str) -> Markup:
    """A sentence of ours with `commands` between backticks, as in messages of the command line, or the pages that do the same."""
    parts = _CODE.split(printable(text))
    return Markup("").join(_command(part) if at % 2 else part for at, part in enumerate(parts))


def _command(text: str) -> Markup:
    for command, (address, title) in _PAGES.items():
        if f"{text} ".startswith(f"strava-pipeline {command} "):
            return Markup('<a href="{}">{}</a>').format(address, title)
    return Markup("<code>{}</code>").format(text)
