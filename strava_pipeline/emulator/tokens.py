"""Codes, access tokens and refresh tokens: who holds what, until when, with which scopes. No HTTP.

Every token starts with `emulator-`, so that a client can refuse to send it to a real host. They look random but follow
from the seed and a counter: two emulators of one configuration hand out the same.
"""

import hashlib
from dataclasses import dataclass

PREFIX = "emulator-"

SCOPES = (
    "read",
    "read_all",
    "profile:read_all",
    "profile:write",
    "activity:read",
    "activity:read_all",
    "activity:write",
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the athlete allowed: scopes in Strava's order."""

    scopes: tuple[str, ...]

    @property
    def reads_activities(self) -> bool:
        """May list and fetch activities at all."""
        return "activity:read" in self.scopes or "activity:read_all" in self.scopes

    @property
    def reads_private(self) -> bool:
        """May also see those that only the athlete sees."""
        return "activity:read_all" in self.scopes

    @property
    def writes_activities(self) -> bool:
        """May edit them."""
        return "activity:write" in self.scopes


@dataclass(frozen=True, slots=True)
class TokenPair:
    """One answer of the token endpoint."""

    access: str
    refresh: str
    expires_at: int
    expires_in: int


class TokenStore:
    """All that is valid at present."""

    def __init__(self, seed: int, lifetime: int) -> None:
        self._seed, self._lifetime, self._counter = seed, lifetime, 0
        self._codes: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self._access: dict[str, tuple[Grant, float]] = {}
        self.denied = False
        self.ticked: frozenset[str] | None = None

    def consent(self, requested: tuple[str, ...]) -> Grant:
        """What the athlete leaves ticked of what was asked; `read` comes with every login."""
        ticked = self.ticked if self.ticked is not None else frozenset(SCOPES)
        wanted = {"read", *requested} & ticked
        return Grant(tuple(scope for scope in SCOPES if scope in wanted))

    def new_code(self, grant: Grant) -> str:
        """A code for one exchange."""
        code = self._random("code")[:40]
        self._codes[code] = grant
        return code

    def exchange_code(self, code: str, epoch: float) -> TokenPair | None:
        """Tokens for a code, which is used up."""
        grant = self._codes.pop(code, None)
        return None if grant is None else self._issue(grant, epoch)

    def refresh(self, token: str, epoch: float) -> TokenPair | None:
        """New tokens for a refresh token, which dies at once; its access token lives on until it expires."""
        grant = self._refresh.pop(token, None)
        return None if grant is None else self._issue(grant, epoch)

    def grant_of(self, access: str, epoch: float) -> Grant | None:
        """What a living access token allows."""
        grant, expires_at = self._access.get(access, (None, 0.0))
        return grant if epoch < expires_at else None

    def grants(self) -> list[Grant]:
        """What living logins allow."""
        return list(self._refresh.values())

    def knows(self, token: str) -> bool:
        """Whether it is a living refresh token, or an access token that was not revoked."""
        return token in self._refresh or token in self._access

    def expire_access(self) -> None:
        """Kill all access tokens; refresh tokens live."""
        self._access.clear()

    def revoke_all(self) -> None:
        """The athlete withdrew: nothing is valid any more."""
        self._codes.clear()
        self._refresh.clear()
        self._access.clear()

    def _issue(self, grant: Grant, epoch: float) -> TokenPair:
        access, refresh = PREFIX + self._random("access")[:40], PREFIX + self._random("refresh")[:40]
        expires_at = int(epoch) + self._lifetime
        self._access[access] = (grant, expires_at)
        self._refresh[refresh] = grant
        return TokenPair(access, refresh, expires_at, self._lifetime)

    def _random(self, kind: str) -> str:
        self._counter += 1
        return hashlib.sha256(f"{self._seed}:{self._counter}:{kind}".encode()).hexdigest()
