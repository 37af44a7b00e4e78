"""The first page, and whether the dashboard answers at all."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.serve.dashboard.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> HTMLResponse:
    """The overview."""
    return render(request, "home.html", {})


@router.get("/health")
def health() -> dict[str, bool]:
    """That requests are answered. Open to everybody, so it says nothing else."""
    return {"ok": True}
