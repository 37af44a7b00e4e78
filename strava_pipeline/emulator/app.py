"""The ASGI application: routes and the gate around them.

Serving it, in a thread or in the foreground, is server.py's business.
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from strava_pipeline.emulator import api, control, control_webhooks, oauth, push_api, updating
from strava_pipeline.emulator.config import EmulatorConfig
from strava_pipeline.emulator.errors import OrderError
from strava_pipeline.emulator.gate import API, Gate
from strava_pipeline.emulator.state import build_state


def create_app(config: EmulatorConfig) -> Starlette:
    """One emulator; `app.state.emulator` is its memory. Raises EmulatorConfigError."""
    state = build_state(config)
    app = Starlette(
        routes=[
            Mount(API, routes=[*push_api.routes(), *updating.routes(), *api.routes()]),
            *oauth.routes(),
            *control.routes(),
            *control_webhooks.routes(),
        ],
        middleware=[Middleware(Gate, state=state)],
        exception_handlers={OrderError: control.refused},
    )
    app.state.emulator = state
    return app
