"""The error of an answer that refuses a login or a call, by its service's record; and of a login answer without a token."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.errors import (
    ForbiddenError,
    NeedsLoginError,
    PipelineError,
    TransientError,
    WrongApplicationError,
)
from strava_pipeline.core.json_values import object_of
from strava_pipeline.ingest.http import Exchange
from strava_pipeline.ingest.login_file import is_token

if TYPE_CHECKING:
    from strava_pipeline.core.providers import ProviderSpec  # loads Polars, and every command comes here


def refusal_of(
    spec: "ProviderSpec", name: str, exchange: Exchange, advice: str, *, at_login: bool = False
) -> PipelineError | None:
    """The error of a failed answer, or None if it refuses neither the login nor a call, or asks for a pause.

    Args:
        name: of the call, for a person; not in the error of a refused login, which is not about one call.
        advice: a person's action when the login is refused, as a sentence.
        at_login: whether the call gets a token or names the account.
    """
    status = exchange.status
    if (fault := spec.refusals.application(object_of(exchange.body))) is not None:
        return WrongApplicationError(fault)
    meaning = spec.refusals.meaning(status, exchange.body, at_login=at_login)
    if meaning == "login":
        return NeedsLoginError(f"{spec.title} does not accept the login. {advice}")
    if meaning == "nothing":
        return TransientError(f"{name}: {spec.title} refuses for now ({status})", status=status)
    if meaning in ("call", "perhaps_login"):
        why = f"{name}: {status}, {spec.title} does not allow this login that call."
        return ForbiddenError(why if meaning == "call" else f"{why} {advice}", status=status, body=exchange.body)
    return None


def token_answer(
    exchange: Exchange, name: str, setting: str, needs: Sequence[str] = ("access_token",)
) -> dict[str, Any] | None:
    """A login service's answer, with the tokens that it `needs`, or None for a refusal. Raises as `refuse_unusable` does."""
    answer = object_of(exchange.body)
    if exchange.status in (200, 201):
        if all(is_token(answer.get(each)) for each in needs):
            return answer
        raise TransientError(f"{name} answered {exchange.status} without a token", status=exchange.status)
    refuse_unusable(exchange, name, setting)
    return None


def refuse_unusable(exchange: Exchange, name: str, setting: str) -> None:
    """Raise TransientError for an answer after which a retry may work, PipelineError for a redirect.

    Args:
        name: the server, for a person.
        setting: with the address that was asked.
    """
    status = exchange.status
    if status in (408, 429) or status >= 500:
        raise TransientError(f"{name} can't answer for now ({status})", status=status)
    if 300 <= status < 400:
        raise PipelineError(
            f"{name} answered with a redirect ({status}), not followed. Either this network asks for a login of its own, in a "
            f"browser, or {setting} is wrong."
        )
