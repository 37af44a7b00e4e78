"""Passwords by their Argon2 hashes: the dashboard's own, in a file for its owner alone, and those of accounts."""

import json
import logging
import secrets
import threading
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.private_files import NotPrivateError, read_private
from strava_pipeline.environment.setting_values import LONGEST_PASSWORD
from strava_pipeline.environment.settings import Settings

log = logging.getLogger(__name__)
_hasher = PasswordHasher()  # RFC 9106's second choice: 64 MiB and some 50 ms a login
_one_at_a_time = threading.Lock()  # many logins at once must not take the machine's memory


def has_password(settings: Settings) -> bool:
    """Whether a password is set: by the command, or by DASHBOARD_PASSWORD, whose hash the dashboard writes when it starts."""
    return settings.dashboard_password is not None or settings.dashboard_password_file.exists()


def hash_of_password(password: str) -> str:
    """The Argon2 hash of a password, which takes 64 MiB."""
    with _one_at_a_time:
        return _hasher.hash(password)


def hashed(password: str) -> dict[str, str]:
    """The file's contents for a password."""
    return {"argon2": hash_of_password(password)}


def is_password(settings: Settings, attempt: str) -> bool:
    """Whether the attempt is the password. Raises PipelineError if the file is not usable."""
    path = settings.dashboard_password_file
    try:
        expected = str(json.loads(read_private(path, is_ours=True))["argon2"])
    except (NotPrivateError, OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path) from error
    try:
        return is_password_of(expected, attempt)
    except InvalidHashError as error:
        raise _unusable(path) from error


def is_password_of(expected: str | None, attempt: str) -> bool:
    """Whether the attempt is the password with this hash. With None it never is, which takes as long to compute.

    Raises InvalidHashError for an invalid hash.
    """
    if len(attempt) > LONGEST_PASSWORD:
        return False
    known = hash_of_nobody() if expected is None else expected
    with _one_at_a_time:
        try:
            return _hasher.verify(known, attempt) and expected is not None
        except VerificationError:
            return False


@cache
def hash_of_nobody() -> str:
    """The hash of a password that nobody knows."""
    return hash_of_password(secrets.token_urlsafe(32))


def _unusable(path: Path) -> PipelineError:
    log.error("%s is no password file.", path)  # a browser that is not logged in learns no path
    return PipelineError(
        "The password can't be checked. Set it again on this machine: strava-pipeline dashboard password"
    )
