"""The error of an answer that refuses a login or a call, by what the service's record says of it."""

from typing import TYPE_CHECKING

from strava_pipeline.core.errors import (
    ForbiddenError,
    NeedsLoginError,
    PipelineError,
    TransientError,
    WrongApplicationError,
)
from strava_pipeline.ingest.http import Exchange
from strava_pipeline.ingest.token_values import object_of

if TYPE_CHECKING:
    from strava_pipeline.core.providers import ProviderSpec  # loads Polars, and every command comes here


def refusal_of(
    spec: "ProviderSpec", name: str, exchange: Exchange, advice: str, *, at_login: bool = False
) -> PipelineError | None:
    """The error of an answer that is no success; None: it refuses neither the login nor a call, or asks for a pause.

    Args:
        name: of the call, for a person.
        advice: what the person runs or sets when the login is refused, as a sentence.
        at_login: whether the call gets a token or names the account.
    """
    status = exchange.status
    if (fault := spec.refusals.application(object_of(exchange.body))) is not None:
        return WrongApplicationError(fault)
    meaning = spec.refusals.meaning(status, exchange.body, at_login=at_login)
    if meaning == "login":
        return NeedsLoginError(f"{name}: {spec.title} does not accept the login. {advice}")
    if meaning == "nothing":
        return TransientError(f"{name}: {spec.title} refuses for now ({status})", status=status)
    if meaning in ("call", "perhaps_login"):
        why = f"{name}: {status}, {spec.title} does not allow this login that call."
        return ForbiddenError(why if meaning == "call" else f"{why} {advice}", status=status, body=exchange.body)
    return None
