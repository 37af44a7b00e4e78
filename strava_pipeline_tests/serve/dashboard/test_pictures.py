"""The documentation has a picture of every page of the dashboard."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from strava_pipeline.serve.dashboard.routes import routes

DOCS = Path(__file__).resolve().parents[3] / "docs"
WITHOUT = (
    "/api/",
    "/health",
    "/login",
    "/logout",
    "/activities/{activity_id}/photos/",
    "/map/{zoom}/",
    "/activities/{activity_id}/original",
    "/activities/{activity_id}/track.gpx",
    "/maps/{name}",
    "/widgets/{widget}/card",
    "/activities.csv",
    "/days.csv",
    "/why/{number}.csv",
)
RECORDINGS = "/activities/{activity_id}/recordings/{first_id}/{second_id}"  # looks like two activities over each other
# they lead to the page of the present year, or look like /fitness
ELSEWHERE = {"/calendar", "/year", "/fitness/{year}", "/why", RECORDINGS}


def test_every_page_has_a_picture_and_every_picture_is_shown() -> None:
    spec = spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    maker = module_from_spec(spec)
    sys.modules[spec.name] = maker
    spec.loader.exec_module(maker)
    pages = {each.path for each in routes() if "GET" in each.methods and not each.path.startswith(WITHOUT)}
    taken = {path.partition("#")[0] for path, *_ in maker.DASHBOARD.values()} | {"/requests/{request_id}"}
    assert pages - ELSEWHERE == taken
    names = {f"dashboard-{name}.png" for name in (*maker.DASHBOARD, maker.APPROVED, maker.REQUEST)}
    assert {path.name for path in (DOCS / "pictures").glob("dashboard-*.png")} == names
    shown = "".join(
        path.read_text() for path in (DOCS / "dashboard.md", DOCS / "corrections.md", DOCS.parent / "README.md")
    )
    assert [name for name in sorted(names) if f"pictures/{name}" not in shown] == []
