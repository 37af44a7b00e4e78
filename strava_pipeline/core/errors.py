"""Failures as types, named for what the caller can do about them.

Every error that a person may see says what happened, to what, and what to do next. No error's text holds a token, a
secret, a code or a position, and no code matches on its text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class PipelineError(Exception):
    """Base of the errors that stop the pipeline on purpose. `exit_code` is the exit code of the command."""

    exit_code = 1


def told(error: PipelineError | OSError) -> str:
    """The error's message; for an error of the operating system, with the file."""
    if isinstance(error, PipelineError):
        return str(error)
    return f"{error.filename or 'A file'}: {error.strerror or error}"


class CheckFailedError(PipelineError):
    """Checks found something that must not be published. `failed`: the message of each, by `asset.check`."""

    def __init__(self, failed: Mapping[str, str]) -> None:
        messages = [
            f"{name}: {why or 'its counts are in `strava-pipeline logs latest`.'}" for name, why in failed.items()
        ]
        super().__init__("\n".join(["A check stopped the run; what was fetched is kept.", *messages]))
        self.failed = dict(failed)


class YearsHeldBackError(PipelineError):
    """Checks refused some years of a run, which stay as they were. `years`: each with the asset and its rule."""

    def __init__(self, years: Mapping[int, str], *, others: bool) -> None:
        named = ", ".join(f"{year} ({why})" for year, why in years.items())
        done = "The other years of the run are done. " if others else "What was fetched is kept. "
        super().__init__(
            f"A check refused {named}: what readers have of it stays as it was. {done}The check says what is wrong. To try again "
            "without a call: `strava-pipeline compact`; with the calls of the run, launch these years alone in Dagster."
        )
        self.years, self.others = dict(years), others


class MissingSettingsError(PipelineError):
    """A setting or a login that only a person can supply is missing."""

    exit_code = 2


class MisuseError(PipelineError):
    """The request makes no sense: an unknown name, a file of another kind."""

    exit_code = 2


class UnknownIdError(MisuseError):
    """Nothing has the id that was named."""


class NothingToExportError(PipelineError):
    """An activity has no such file, or nothing of it lies outside the privacy zones."""


class UndecidedError(PipelineError):
    """No decision was recorded: the changes have another state, or differ from those that were shown."""


class SourceError(PipelineError):
    """A source that a person named can't be read: it is missing, of another kind, or vanished during reading."""

    exit_code = 2


class NeedsLoginError(PipelineError):
    """The stored login no longer works (revoked, wrong secret): a person must run `auth` or correct the settings."""


APPLICATION_PAGE = "https://www.strava.com/settings/api"  # where Strava shows the user's application


class WrongApplicationError(NeedsLoginError):
    """Strava does not know the API application of the settings, or has switched it off; whether the login works is unknown."""


class RefreshTokenRefusedError(NeedsLoginError):
    """Strava refuses the stored refresh token: the login is dead for good."""


class LoginRefusedError(NeedsLoginError):
    """One call was refused with 401, with a fresh token too: the login is dead, unless other calls succeed with it."""

    def __init__(self, message: str, *, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = 401
        self.body = body


class NothingPublishedError(PipelineError):
    """There is no published warehouse yet."""


class UnusableSnapshotError(PipelineError):
    """The published data can't be used: it is damaged, of another version, or half purged. The text names the command to run."""


class RefusedError(PipelineError):
    """Strava answered with a 4xx that a retry won't change; `body` is the answer, kept as evidence."""

    def __init__(self, message: str, *, status: int, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class NothingMeasuredError(MisuseError):
    """A number is of tracks, and none was measured yet."""


class MissingScopeError(NeedsLoginError):
    """The athlete did not grant what this call needs: a person must run `auth` and leave the boxes ticked."""


class ForbiddenError(RefusedError):
    """The service knows the athlete but does not allow this call (another athlete's, or a permission is missing)."""

    def __init__(self, message: str, *, status: int = 403, body: bytes = b"") -> None:
        super().__init__(message, status=status, body=body)


class TransientError(PipelineError):
    """A retry may work: after a 5xx, a broken connection, or a body of another kind than expected.

    `status` is the HTTP status (None: no answer came); `body` is the answer, kept as evidence.
    """

    def __init__(self, message: str, *, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class RepeatingListingError(PipelineError):
    """A listing repeats itself page after page: it would never end, and each page costs a call."""

    def __init__(self, pages: int) -> None:
        super().__init__(
            f"GET /athlete/activities: the last {pages} pages held nothing but what pages before them did, so the listing was "
            "broken off. What came is kept. Something between here and Strava repeats an answer (a proxy?), or Strava itself "
            "does; run the same command again later."
        )


class LoginServiceError(PipelineError):
    """Strava's login service gave no token after several tries: for now no call can be made."""


class GoneError(PipelineError):
    """404: deleted at the source, or not visible to this athlete's login."""

    def __init__(self, message: str, *, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = 404
        self.body = body


class WithheldError(GoneError):
    """The service has the activity, and never shows anything of it: asking again won't help."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One of the four limits: `pair` "overall" or "read", `window` "15min" or "day"."""

    pair: str
    window: str

    def __str__(self) -> str:
        kind = "read calls" if self.pair == "read" else "calls"
        span = "15 minutes" if self.window == "15min" else "a day"
        return f"{kind} in {span}"


class BudgetExhaustedError(PipelineError):
    """A limit is reached; no call was made. Work may go on at `resumes_at` (UTC, by the server's clock)."""

    exit_code = 3

    def __init__(
        self, ceiling: Ceiling, limit: int, resumes_at: datetime, *, cushion: int = 0, shared: int = 0
    ) -> None:
        parts = [f"{cushion} of them are kept back"] if cushion else []
        parts += [f"{shared} are for the other data folders of the API application"] if shared else []
        kept = f" ({', '.join(parts)})" if parts else ""
        super().__init__(
            f"Strava's limit of {limit} {ceiling}{kept} is reached; "
            f"it opens again at {resumes_at:%Y-%m-%d %H:%M:%S} UTC."
        )
        self.ceiling = ceiling
        self.limit = limit
        self.cushion = cushion
        self.resumes_at = resumes_at


class LimitReachedError(PipelineError):
    """A provider lets no more calls through for longer than a run waits. Work may go on at `resumes_at` (UTC)."""

    exit_code = 3

    def __init__(self, title: str, resumes_at: datetime) -> None:
        super().__init__(
            f"{title} lets no more calls through until {resumes_at:%Y-%m-%d %H:%M:%S} UTC; what came is kept, and the next "
            "run goes on there."
        )
        self.resumes_at = resumes_at


class CallCapReachedError(PipelineError):
    """This process has made as many calls as it may; work may be left."""

    exit_code = 3

    def __init__(self, max_calls: int) -> None:
        super().__init__(f"{max_calls} calls were made, as many as --max-calls allows.")
        self.max_calls = max_calls
