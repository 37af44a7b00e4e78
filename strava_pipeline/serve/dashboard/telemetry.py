"""Errors and timings for Sentry, if SENTRY_DSN is set: begun in each worker, since its thread does not survive a fork.

Only allowed data are sent, by an allowlist: names of routes, types and places of errors, durations. Texts of errors,
variables, queries, headers, cookies, bodies, addresses and names of the machine stay here.
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.serve.dashboard.routes import STATIC, template_of

if TYPE_CHECKING:
    from sentry_sdk.types import Event

_NEVER = frozenset({"/health", STATIC})
_FIELDS = ("event_id", "type", "timestamp", "start_timestamp", "platform", "level", "sdk")
_FRAME = ("filename", "function", "module", "lineno", "in_app")
_TRACE = ("trace_id", "span_id", "parent_span_id", "op", "status", "origin")


def check_telemetry(settings: Settings) -> None:
    """Raise MissingSettingsError if Sentry is wanted but unavailable."""
    if settings.sentry_dsn is None:
        return
    try:
        from sentry_sdk.utils import BadDsn, Dsn
    except ImportError:
        raise MissingSettingsError(
            "SENTRY_DSN is set, and this installation does not have Sentry's client. Type: "
            "pip install 'strava_pipeline[sentry]', or unset it."
        ) from None
    try:
        Dsn(settings.sentry_dsn.get_secret_value())
    except BadDsn:
        raise MissingSettingsError(
            "SENTRY_DSN is no address of Sentry's. Copy it from the project's settings."
        ) from None


def start_telemetry(settings: Settings) -> None:
    """Begin sending, in this process. Does nothing if SENTRY_DSN is not set."""
    if settings.sentry_dsn is None:
        return
    import sentry_sdk
    from sentry_sdk.integrations.fastapi import FastApiIntegration
    from sentry_sdk.integrations.starlette import StarletteIntegration

    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        traces_sampler=lambda context: rate(context, settings.sentry_sample_rate),
        before_send=only_what_may_be_sent,
        before_send_transaction=only_what_may_be_sent,
        default_integrations=False,  # among them: arguments of the command line, log lines, loaded packages
        auto_enabling_integrations=False,
        integrations=[StarletteIntegration(failed_request_status_codes=set()), FastApiIntegration()],
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        server_name="",
        auto_session_tracking=False,
        send_client_reports=False,
        trace_propagation_targets=[],
    )


def report(error: BaseException) -> None:
    """Send an error that was answered, if sending is on."""
    if (sentry := sys.modules.get("sentry_sdk")) is not None and sentry.is_initialized():
        sentry.capture_exception(error)


def rate(context: Mapping[str, Any], usual: float) -> float:
    """The probability of sending a request's timing, by its route."""
    scope = context.get("asgi_scope") or {}
    return 0.0 if scope.get("type") != "http" or template_of(scope) in _NEVER else usual


def only_what_may_be_sent(event: "Event", _: Mapping[str, Any]) -> "Event | None":
    """The event with only the parts that are known to be harmless."""
    kept: dict[str, Any] = {name: event[name] for name in _FIELDS if name in event}  # type: ignore[literal-required]
    is_route = (event.get("transaction_info") or {}).get("source") == "route"
    kept["transaction"] = event.get("transaction") if is_route else "(no route)"
    kept["transaction_info"] = {"source": "route"}
    trace = (event.get("contexts") or {}).get("trace") or {}
    kept["contexts"] = {"trace": {name: trace[name] for name in _TRACE if name in trace}}
    if event.get("type") == "transaction":
        kept["spans"] = []
    method = (event.get("request") or {}).get("method")
    if isinstance(method, str) and method.isalpha():
        kept["request"] = {"method": method}
    if "exception" in event:
        values: Any = event["exception"].get("values") or []
        kept["exception"] = {"values": [_place(value) for value in values]}
    return kept  # type: ignore[return-value]


def _place(value: Mapping[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    places = [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]
    return {"type": value.get("type"), "module": value.get("module"), "stacktrace": {"frames": places}}
