"""The dashboard of several athletes: an application for each, and one for visitors without a login or an athlete.

Only the account of a request's session determines which of them answers. Each has its own `Site`: settings, data
folder, snapshot, cached answers. No route receives another athlete's.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.athletes import Athlete, athlete_named, athletes
from strava_pipeline.environment.settings import Settings
from strava_pipeline.serve.dashboard.records.accounts import Accounts
from strava_pipeline.serve.dashboard.records.store import Account, Session


class House:
    """The athletes' applications in this process, each built on its first request.

    Args:
        settings: the house's.
        accounts: the accounts that may log in.
        build: makes the application of an athlete.
    """

    def __init__(self, settings: Settings, accounts: Accounts, build: Callable[["House", Athlete], FastAPI]) -> None:
        self.accounts = accounts
        self._settings, self._build, self._lock = settings, build, threading.Lock()
        # by name and folder: a name that means another folder now is another one
        self._apps: dict[Athlete, FastAPI] = {}

    def build_all(self) -> None:
        """Build the applications of all known athletes: processes that are forked later then give answers the same tags."""
        for name in self.names():
            with suppress(PipelineError):  # a request for it says why
                self.app_of(name)

    def names(self) -> list[str]:
        """The athletes by name. Raises PipelineError if the registry can't be used."""
        return [each.name for each in athletes(self._settings)]

    def app_of(self, name: str) -> FastAPI:
        """The application of an athlete. Raises PipelineError for an unknown name, or unusable settings."""
        athlete = athlete_named(self._settings, name)
        with self._lock:
            if athlete not in self._apps:
                self._apps[athlete] = self._build(self, athlete)
            return self._apps[athlete]

    def fault_of(self, account: Account) -> str | None:
        """Why an account can't see its athlete's pages, or None."""
        if account.athlete is None:
            return None
        try:
            self.app_of(account.athlete)
        except PipelineError as error:
            return str(error)
        return None


@dataclass(frozen=True, slots=True)
class OwnPages:
    """An ASGI middleware after the guard: a request goes to the athlete of its session's account, otherwise on to `app`."""

    app: ASGIApp
    house: House

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._chosen(scope))(scope, receive, send)

    async def _chosen(self, scope: Scope) -> ASGIApp:
        session: Session | None = scope.get("state", {}).get("session")
        if session is None or session.account is None or session.account.athlete is None:
            return self.app
        try:
            return await run_in_threadpool(self.house.app_of, session.account.athlete)
        except PipelineError:  # the page of the account says why
            return self.app
