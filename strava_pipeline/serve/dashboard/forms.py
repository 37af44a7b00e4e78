"""Fields of a form that a page sent, bounded."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request

from strava_pipeline.serve.bodies import BodyError, read_body
from strava_pipeline.serve.dashboard.problems import ProblemError

LARGEST = 64_000  # bytes: 500 changes with their seals are some 45,000
_MOST = 1_000  # fields


async def form_of(request: Request, largest: int = LARGEST) -> Mapping[str, Sequence[str]]:
    """The values of each field. Raises ProblemError for a body that is too large, does not come, or has too many fields."""
    try:
        text = (await read_body(request, largest)).decode("utf-8", "replace")
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST)
    except BodyError as error:
        closing = {"Connection": "close"}
        raise ProblemError(error.status, f"The form was not read: {error.why}.", headers=closing) from None
    except ValueError:
        raise ProblemError(400, f"The form has more than {_MOST} fields. Send fewer things at once.") from None


async def _fields(request: Request) -> Mapping[str, Sequence[str]]:
    return await form_of(request)


Fields = Annotated[Mapping[str, Sequence[str]], Depends(_fields)]
