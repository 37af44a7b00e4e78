"""What every kind of body has in common: what is taken and kept is acknowledged, anything else refused with its reason."""

from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.lake.journal import JournalFullError
from strava_pipeline.serve.answers import refusal
from strava_pipeline.serve.bodies import BodyError


async def taken(request: Request, taking: Awaitable[Response], nothing: type[ValueError]) -> Response:
    """What `taking` answers; 4xx with the reason, and nothing was kept; 503: try again.

    `nothing`: raised for a body that is none of its kind, with a text that may be answered.
    """
    try:
        return await taking
    except BodyError as error:
        return refusal(request, error.status, error.why)
    except nothing as error:
        return refusal(request, 400, str(error))
    except UnicodeDecodeError:
        return refusal(request, 400, "the body is no UTF-8")
    except JournalFullError:
        return refusal(request, 503, "the inbox is full: nobody reads it")
    except OSError as error:
        return refusal(request, 503, f"it could not be kept: {error.strerror or type(error).__name__}")
