"""A valid access token at any time: who refreshes, when, and how processes keep out of each other's way.

The file is `token_store.py`'s, the HTTP `oauth.py`'s.
"""

from contextlib import suppress
from datetime import timedelta

from strava_pipeline.core.errors import PipelineError, RefreshTokenRefusedError
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.oauth import OAuth
from strava_pipeline.ingest.strava.token_store import StoredToken, TokenStore

EARLY = timedelta(minutes=5)  # longer than any call takes, far less than the six hours a token lives


class AccessTokens:
    """Hands out the stored login's access token, refreshed under the store's lock when about to expire."""

    def __init__(self, store: TokenStore, oauth: OAuth, clock: ServerClock) -> None:
        self._store, self._oauth, self._clock = store, oauth, clock
        self._current: StoredToken | None = None

    def get(self) -> str:
        """An access token good for some minutes. Raises as TokenStore.load and OAuth.refresh do."""
        if self._current is None:
            self._current = self._store.load()
        return self._good(self._current) or self._refresh(rejected=None)

    def renew(self, rejected: str) -> str:
        """Another token after a 401 to `rejected`: the stored one if it differs, else a fresh one."""
        return self._refresh(rejected=rejected)

    def _refresh(self, rejected: str | None) -> str:
        with self._store.lock():
            stored = self._store.load()  # another process may have refreshed while this one waited
            if self._good(stored) in (None, rejected):
                self._store.probe(stored)
                stored = self._refreshed(stored)
                self._store.save(stored)
        self._current = stored
        return stored.access_token or ""

    def _refreshed(self, stored: StoredToken) -> StoredToken:
        try:
            return stored.with_answer(self._oauth.refresh(stored.refresh_token))
        except RefreshTokenRefusedError:
            with suppress(PipelineError):  # where it can't be noted, the refusal is still what a person has to know
                self._store.save(stored.refused(self._clock.now()))
            raise

    def _good(self, token: StoredToken) -> str | None:
        """The access token, unless its time is up. With no date it is good until a 401 says otherwise.

        Before this process had an answer, this machine's clock may be wrong by more than a token lives. So it is asked only
        how long ago it was that the token came.
        """
        expires_at, now = token.expires_at, self._clock.now()
        if not self._clock.synced and token.expires_at_local is not None:
            expires_at, now = token.expires_at_local, self._clock.local()
        return None if expires_at is not None and expires_at - now <= EARLY else token.access_token
