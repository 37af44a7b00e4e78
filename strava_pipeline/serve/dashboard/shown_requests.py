"""A request in the words of a page: its title, and the page on which a person asked for it."""

from dataclasses import dataclass

from strava_pipeline.lake.requests import BackfillWanted, ImportWanted, MonthWanted, PullWanted, RequestView, Wanted
from strava_pipeline.serve.dashboard.display import month as month_name
from strava_pipeline.serve.dashboard.display import service

TITLES = {
    "pull": "Pull",
    "sync_month": "Pull and compare a month",
    "apply_changes": "Write changes",
    "backfill": "Pull a year",
    "import": "Import files",
    "change_settings": "Write providers.toml",
}
_ORIGINS = {
    "pull": ("/providers", "Services"),
    "apply_changes": ("/calendar", "Calendar"),
    "import": ("/", "Overview"),
    "change_settings": ("/settings", "Settings"),
}


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request. `origin`: the address and the name of the page that it came from, which shows what it changed."""

    view: RequestView
    title: str
    origin: tuple[str, str]

    @property
    def has_ended(self) -> bool:
        return self.view.status in ("done", "failed")


def shown_request(view: RequestView, month: str | None = None) -> ShownRequest:
    """`month`: the one that the request is about, where whoever asks knows it."""
    wanted = view.request.wanted
    about = _about(wanted)
    return ShownRequest(view, f"{TITLES[wanted.kind]}{about and ': '}{about}", _origin(wanted, month))


def _about(wanted: Wanted) -> str:
    match wanted:
        case PullWanted(provider=name):
            return service(name)
        case MonthWanted(month=month):
            return month_name(month)
        case BackfillWanted(year=year):
            return str(year)
        case ImportWanted(names=(name,)):
            return name
    return ""


def _origin(wanted: Wanted, month: str | None) -> tuple[str, str]:
    match wanted:
        case MonthWanted(month=own):
            return f"/month/{own}", month_name(own)
        case BackfillWanted(year=year):
            return f"/year/{year}", str(year)
    return (f"/month/{month}", month_name(month)) if month is not None else _ORIGINS[wanted.kind]
