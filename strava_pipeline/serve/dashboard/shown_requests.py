"""A request in a page's words: its title, and the page from which a person sent it."""

from dataclasses import dataclass

from strava_pipeline.lake.requests import BackfillWanted, ImportWanted, MonthWanted, PullWanted, RequestView, Wanted
from strava_pipeline.serve.dashboard.display import month as month_name
from strava_pipeline.serve.dashboard.display import service

_TITLES = {
    "apply_changes": "Write changes",
    "import": "Import files",
    "publish": "Use what was saved",
    "region": "Streets around home",
}
_ORIGINS = {
    "pull": ("/providers", "Services"),
    "apply_changes": ("/sync", "Sync"),
    "import": ("/", "Overview"),
    "publish": ("/settings", "Settings"),
    "region": ("/maps", "Regions of the map"),
}


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request. `origin`: the address and the name of the page that sent it, which shows its result."""

    view: RequestView
    title: str
    origin: tuple[str, str]

    @property
    def has_ended(self) -> bool:
        return self.view.status in ("done", "failed")


def shown_request(view: RequestView, month: str | None = None) -> ShownRequest:
    """`month`: the request's month, if the caller knows it."""
    return ShownRequest(view, title_of(view.request.wanted), _origin(view.request.wanted, month))


def title_of(wanted: Wanted) -> str:
    """The title of a request, as an imperative."""
    match wanted:
        case PullWanted(provider=name):
            return f"Pull {service(name)}"
        case MonthWanted(month=month):
            return f"Pull and compare {month_name(month)}"
        case BackfillWanted(year=year):
            return f"Pull {year} again"
        case ImportWanted(names=(name,)):
            return f"Import {name}"
    return _TITLES[wanted.kind]


def _origin(wanted: Wanted, month: str | None) -> tuple[str, str]:
    match wanted:
        case MonthWanted(month=own):
            return f"/month/{own}", month_name(own)
        case BackfillWanted(year=year):
            return f"/sync?year={year}", f"Sync {year}"  # a year without activities has one, too
    return (f"/month/{month}", month_name(month)) if month is not None else _ORIGINS[wanted.kind]
