"""What Strava's consent page sends back: a code or a refusal, from a pasted address or a bare code.

Reads text; who asked for it and what becomes of the code is the caller's business. No message shows a code.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qs

from strava_pipeline.core.errors import NeedsLoginError


@dataclass(frozen=True, slots=True)
class Consent:
    """The athlete said yes: `code` buys the tokens, `scopes` are the ones granted (None: not told)."""

    code: str = field(repr=False)
    scopes: tuple[str, ...] | None


def read_consent(text: str, state: str | None) -> Consent:
    """From the whole address Strava redirected to, its query, or the bare code.

    An address must carry `state`, unless that is None. Raises NeedsLoginError if it doesn't, if the athlete said no,
    or if there is no code in it.
    """
    text = text.strip().strip("'\"<>")
    if "=" not in text and "://" not in text and text:
        return Consent(_checked(text), None)
    address = text.partition("#")[0]
    query = parse_qs(address.partition("?")[2] or address)
    if state is not None and query.get("state") != [state]:
        raise NeedsLoginError(
            "This address is not the answer to the page shown above (its state differs), so it is not used. "
            "Open that page again, or run strava-pipeline auth anew."
        )
    if query.get("error") == ["access_denied"]:
        raise NeedsLoginError(
            "Access was denied on Strava's page; nothing was changed. To allow it: strava-pipeline auth"
        )
    if "error" in query or not query.get("code"):
        raise NeedsLoginError(
            "There is no code in this address. After you allow access, Strava sends you to one with code=… in it: "
            "paste all of it."
        )
    scopes = query.get("scope")
    granted = tuple(scopes[0].replace(",", " ").split()) if scopes else None
    return Consent(_checked(query["code"][0]), granted)


def _checked(code: str) -> str:
    if not (code.isascii() and code.isprintable() and " " not in code):
        raise NeedsLoginError("This is no code of Strava's. Paste the whole address that Strava sent you to.")
    return code
