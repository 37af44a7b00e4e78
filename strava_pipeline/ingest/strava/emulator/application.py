"""The state of one API application at Strava, and the configuration of the emulator: no HTTP.

Rate limits and their use, tokens, and the push subscription belong to an application, not to an athlete. Every token
starts with `emulator-`, so that a client can refuse to send it to a real host.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.emulator.service import EmulatorConfigError, Json, WindowCount

QUARTER_SECONDS = 900  # Strava's short window, developers.strava.com/docs/rate-limits
DAY_SECONDS = 86_400
OLDEST_YEAR, NEWEST_YEAR = 1970, 2100
TOKEN_PREFIX = "emulator-"
FIRST_SUBSCRIPTION_ID = 131_301
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
class Limits:
    """Calls allowed in a quarter of an hour and in a UTC day: all calls, and those that only read."""

    overall_15min: int = 200  # the four defaults of a new application: developers.strava.com/docs/rate-limits
    overall_day: int = 2000
    read_15min: int = 100
    read_day: int = 1000

    def __post_init__(self) -> None:
        if min(self.overall_15min, self.overall_day, self.read_15min, self.read_day) < 1:
            raise EmulatorConfigError("Limits must be whole numbers above zero, or 'off'.")

    @classmethod
    def parse(cls, text: str) -> "Limits | None":
        """`overall15,overallDay/read15,readDay`, as in 200,2000/100,1000; `off` is None."""
        if text.strip().lower() == "off":
            return None
        match = re.fullmatch(r"(\d+),(\d+)/(\d+),(\d+)", re.sub(r"\s", "", text))
        if not match:
            raise EmulatorConfigError(
                f"Limits {text!r} can't be read: write overall15,overallDay/read15,readDay as in 200,2000/100,1000, "
                "or off."
            )
        return cls(*(int(number) for number in match.groups()))


# for "off": headers are sent all the same, because a client without them must assume Strava's defaults
UNLIMITED = Limits(1_000_000, 100_000_000, 1_000_000, 100_000_000)


class Usage:
    """The calls of the current quarter of an hour (:00, :15, :30, :45) and UTC day, against the limits.

    Every call counts in the overall pair, and all except edits in the reading pair.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._overall = WindowCount(QUARTER_SECONDS), WindowCount(DAY_SECONDS)
        self._read = WindowCount(QUARTER_SECONDS), WindowCount(DAY_SECONDS)

    def count(self, epoch: float, *, reads: bool = True) -> bool:
        """Count a call at an instant; False if a limit was used up before (a refused call counts as well)."""
        for window in (*self._overall, *self._read):
            window.move_to(epoch)
        self._add(1, reads=reads)
        limits, (quarter, day), (read_quarter, read_day) = self.limits, self._overall, self._read
        overall = quarter.calls <= limits.overall_15min and day.calls <= limits.overall_day
        read = read_quarter.calls <= limits.read_15min and read_day.calls <= limits.read_day
        return overall and (read or not reads)

    def give_back(self, *, reads: bool = True) -> None:
        """Remove the last call from the count, because its answer is 401."""
        self._add(-1, reads=reads)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The four headers of every counted answer; usage includes the call itself."""
        limits, (quarter, day), (read_quarter, read_day) = self.limits, self._overall, self._read
        return [
            (b"x-ratelimit-limit", b"%d,%d" % (limits.overall_15min, limits.overall_day)),
            (b"x-ratelimit-usage", b"%d,%d" % (quarter.calls, day.calls)),
            (b"x-readratelimit-limit", b"%d,%d" % (limits.read_15min, limits.read_day)),
            (b"x-readratelimit-usage", b"%d,%d" % (read_quarter.calls, read_day.calls)),
        ]

    def _add(self, calls: int, *, reads: bool) -> None:
        for window in (*self._overall, *(self._read if reads else ())):
            window.calls += calls


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """The emulator's configuration. Raises EmulatorConfigError for impossible years.

    `now`: where the emulator's clock starts (with a time zone). `recorded_until`: when the newest activity ended; None:
    now. `point_seconds`: from a recorded point to the next; None: a few points, which are enough for a picture.
    `years`: first and last year of the activities. With a `dataset`, `activities` and `years` have no effect, and
    `seed` decides only the tokens. `limits` None: limits that nobody reaches. `speed`: emulator seconds per real
    second. `latency`: seconds before every API answer. `upload_seconds`: from a file to its activity. `longest_name`:
    the number of characters that are kept of an activity's name; None: all.
    """

    now: datetime
    activities: int = 2000
    years: tuple[int, int] = (2015, 2026)
    seed: int = 1
    dataset: Path | None = None
    limits: Limits | None = field(default_factory=Limits)
    speed: float = 1.0
    latency: float = 0.0
    short_pages: bool = False
    client_id: str = "12345"
    client_secret: str = "emulator-secret"
    token_lifetime: int = 21_600  # six hours, as Strava's: developers.strava.com/docs/authentication
    athlete_id: int | None = None
    upload_seconds: float = 3.0  # developers.strava.com/docs/uploads: two seconds on average
    longest_name: int | None = None
    recorded_until: datetime | None = None
    point_seconds: int | None = None

    def __post_init__(self) -> None:
        first, last = self.years
        if not OLDEST_YEAR <= first <= last <= NEWEST_YEAR:
            raise EmulatorConfigError(
                f"years must be a range A-B within {OLDEST_YEAR}-{NEWEST_YEAR}, not {first}-{last}."
            )
        begins = datetime(first, 1, 1, tzinfo=UTC)
        if self.dataset is None and self.activities and self.now < begins + timedelta(days=1):
            raise EmulatorConfigError(
                f"The years {first}-{last} lie after the emulator's now, {self.now}: choose other years or another now."
            )


@dataclass(frozen=True, slots=True)
class Grant:
    """The athlete's permission for an application: scopes in Strava's order."""

    scopes: tuple[str, ...]

    @property
    def reads_activities(self) -> bool:
        """Whether it may list and fetch activities at all."""
        return "activity:read" in self.scopes or "activity:read_all" in self.scopes

    @property
    def reads_private(self) -> bool:
        """Whether it may see activities with the visibility "Only You"."""
        return "activity:read_all" in self.scopes

    @property
    def writes_activities(self) -> bool:
        """Whether it may edit activities."""
        return "activity:write" in self.scopes


class TokenStore:
    """All valid codes and tokens, and how the athlete answers the next consent page.

    `denied`: the athlete refuses; `ticked`: the scopes that the athlete allows (None: all). Codes and tokens look random but
    follow from the seed and a counter, so that two emulators of one configuration issue the same.
    """

    def __init__(self, seed: int, lifetime: int) -> None:
        self._seed, self._lifetime, self._counter = seed, lifetime, 0
        self._codes: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self._access: dict[str, tuple[Grant, float]] = {}
        self.denied = False
        self.ticked: frozenset[str] | None = None

    def consent(self, requested: tuple[str, ...]) -> Grant:
        """The requested scopes that the athlete allows; `read` belongs to every request."""
        ticked = self.ticked if self.ticked is not None else frozenset(SCOPES)
        allowed = {"read", *requested} & ticked
        return Grant(tuple(scope for scope in SCOPES if scope in allowed))

    def new_code(self, grant: Grant) -> str:
        """A code that can be exchanged for tokens once."""
        code = self._random("code")[:40]
        self._codes[code] = grant
        return code

    def exchange_code(self, code: str, epoch: float) -> Json | None:
        """Tokens for a code, which is then used up; None for an unknown code."""
        grant = self._codes.pop(code, None)
        return None if grant is None else self._issue(grant, epoch)

    def refresh(self, token: str, epoch: float) -> Json | None:
        """New tokens for a refresh token, which is then invalid; its access token stays valid until it expires."""
        grant = self._refresh.pop(token, None)
        return None if grant is None else self._issue(grant, epoch)

    def grant_of(self, access: str, epoch: float) -> Grant | None:
        """The permission of an access token, or None if it is unknown or expired."""
        grant, expires_at = self._access.get(access, (None, 0.0))
        return grant if epoch < expires_at else None

    def grants(self) -> list[Grant]:
        """The permission of each valid login."""
        return list(self._refresh.values())

    def is_issued(self, token: str) -> bool:
        """Whether it is a valid refresh token, or an access token that was not revoked."""
        return token in self._refresh or token in self._access

    def expire_access(self) -> None:
        """Make all access tokens invalid; refresh tokens stay valid."""
        self._access.clear()

    def revoke_all(self) -> None:
        """Make every code and token invalid."""
        self._codes.clear()
        self._refresh.clear()
        self._access.clear()

    def _issue(self, grant: Grant, epoch: float) -> Json:
        access, refresh = TOKEN_PREFIX + self._random("access")[:40], TOKEN_PREFIX + self._random("refresh")[:40]
        expires_at = int(epoch) + self._lifetime
        self._access[access] = (grant, expires_at)
        self._refresh[refresh] = grant
        return {
            "token_type": "Bearer",
            "access_token": access,
            "expires_at": expires_at,
            "expires_in": self._lifetime,
            "refresh_token": refresh,
        }

    def _random(self, kind: str) -> str:
        self._counter += 1
        return hashlib.sha256(f"{self._seed}:{self._counter}:{kind}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Subscription:
    """A push subscription: where events are posted."""

    id: int
    application_id: int
    callback: str
    created_at: datetime

    def document(self) -> Json:
        """The PushSubscription that Strava answers."""
        at = self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "id": self.id,
            "resource_state": 2,
            "application_id": self.application_id,
            "callback_url": self.callback,
            "created_at": at,
            "updated_at": at,
        }


class Subscriptions:
    """The application's subscription, at most one at a time; no id is given twice."""

    def __init__(self, seed: int, client_id: str) -> None:
        self._seed, self._challenges, self._next = seed, 0, FIRST_SUBSCRIPTION_ID
        self._application_id = int(client_id) if client_id.isdecimal() else 0
        self.current: Subscription | None = None

    def challenge(self) -> str:
        """A new challenge that a callback must repeat; it follows from the seed and a counter."""
        self._challenges += 1
        return hashlib.sha256(f"{self._seed}:{self._challenges}:challenge".encode()).hexdigest()[:16]

    def begin(self, callback: str, now: datetime) -> Subscription:
        """Make the subscription of a callback."""
        self.current = Subscription(self._next, self._application_id, callback, now)
        self._next += 1
        return self.current

    def end(self, identity: str) -> bool:
        """Delete the subscription with that id; False if there is none."""
        if self.current is None or str(self.current.id) != identity:
            return False
        self.current = None
        return True
