"""The meaning and the messages of Strava's refusals. It imports little, because `status` and its like read it."""

from strava_pipeline.core.errors import APPLICATION_PAGE
from strava_pipeline.core.refusals import Refusals


def application_fault(answer: object) -> str | None:
    """A refusal's fault of the API application: not active, or not known; None for other refusals."""
    faults = fault_codes(answer)
    if ("Application", "Status", "Inactive") in faults:
        return (
            "Strava says that this API application is not active. Since June 2026 its owner needs a Strava subscription: log in "
            f"at Strava with the account that owns the application, subscribe, then reactivate it at {APPLICATION_PAGE}; to "
            "subscribe alone is not enough."
        )
    fields = {field for resource, field, _ in faults if resource == "Application"}
    if not fields:
        return None
    named = [f"STRAVA_{field.upper()}" for field in ("client_id", "client_secret") if field in fields]
    names = named[0] if named else "STRAVA_CLIENT_ID or STRAVA_CLIENT_SECRET"
    return f"Strava does not know this API application: {names} is wrong. Compare with {APPLICATION_PAGE}"


def fault_codes(answer: object) -> set[tuple[str, str, str]]:
    """The (resource, field, code) triples of a Strava error answer; empty for anything else."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list):
        return set()
    return {
        (str(item.get("resource")), str(item.get("field")), str(item.get("code")))
        for item in errors
        if isinstance(item, dict)
    }


REFUSALS = Refusals(
    at_login={403: "nothing"},  # from something on the way, if it doesn't mention the application
    at_data={401: "login", 403: "perhaps_login"},
    application=application_fault,
)
