"""Shared parts of the login to an account and its pages: the account, rules for passwords, counting of failures."""

import hashlib

from argon2.exceptions import InvalidHashError
from starlette.requests import Request

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.setting_values import LONGEST_PASSWORD, SHORTEST_PASSWORD
from strava_pipeline.serve.dashboard.house import House
from strava_pipeline.serve.dashboard.logins import client_of, count_attempt
from strava_pipeline.serve.dashboard.passwords import is_password_of
from strava_pipeline.serve.dashboard.records.accounts import usable_name
from strava_pipeline.serve.dashboard.records.store import Account
from strava_pipeline.serve.dashboard.site import site_of


def house_of(request: Request) -> House:
    """The house, in a route of a dashboard with accounts."""
    house = site_of(request).house
    assert house is not None  # such routes are served with accounts alone
    return house


def account_of(request: Request) -> Account:
    """The account of a request, in a route that needs a login."""
    account: Account | None = request.state.session.account
    assert account is not None  # sessions of such a dashboard have one
    return account


def checked_account(request: Request, typed: str, password: str) -> Account | None:
    """The account of a name, if this is its password and it is not blocked. Any other case takes the same work.

    Raises ProblemError if the client, or anybody who tries this account, has to wait.
    """
    site, name = site_of(request), usable_name(typed)
    client, guessed = client_of(site, request), _key(name or typed)
    count_attempt(site, client, guessed)
    account = None if name is None else house_of(request).accounts.account(name)
    if not _is_own(account, password) or account is None or account.blocked:
        return None
    site.records.forget_attempts(client, guessed)
    return account


def why_no_password(password: str) -> str:
    """Why this can't be a password; empty if it can."""
    if SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return ""
    return f"A password has {SHORTEST_PASSWORD} characters or more, and at most {LONGEST_PASSWORD}."


def _is_own(account: Account | None, password: str) -> bool:
    try:
        return is_password_of(None if account is None else account.argon2, password)
    except InvalidHashError:
        raise PipelineError("The password can't be checked. An admin has to set it again.") from None


def _key(name: str) -> str:
    """The key for counting the failures of an account, existing or not. It is hashed, as a person may have typed a
    password there.
    """
    return f"account {hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"
