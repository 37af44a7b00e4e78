"""What is kept of the access to Strava, for what the registry does not serve outside ingest/strava. Nothing of its own.

The calls of a run are strava_source.py's.
"""

from strava_pipeline.ingest.strava.access import revoked_at, revoked_message, withdraw_access
from strava_pipeline.ingest.strava.ledger import ledger_path
from strava_pipeline.ingest.strava.login import (
    access_problem,
    has_login,
    login_state,
    primed_clock,
    remaining_calls,
    write_problem,
)
from strava_pipeline.ingest.strava.subscriptions import subscription_path

__all__ = [
    "access_problem",
    "has_login",
    "ledger_path",
    "login_state",
    "primed_clock",
    "remaining_calls",
    "revoked_at",
    "revoked_message",
    "subscription_path",
    "withdraw_access",
    "write_problem",
]
