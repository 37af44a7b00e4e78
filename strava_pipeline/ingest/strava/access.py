"""The state of the access to Strava: the checks of `doctor`, and whether the athlete withdrew the access or gave it back.

`doctor` checks the server's certificate and clock by one HEAD request to the front page, which counts in no limit, the
login, and the ledger of calls, which is the API application's. A webhook event only claims that the access is gone, so
the login is tried; the data then have to be deleted by `purge`. No token is shown.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from strava_pipeline.core.errors import (
    ForbiddenError,
    MissingSettingsError,
    NeedsLoginError,
    PipelineError,
    WrongApplicationError,
)
from strava_pipeline.core.facts import Fact, ok, problem, skipped, warning
from strava_pipeline.environment.private_files import is_open
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.budget import CallShare, RateBudget
from strava_pipeline.ingest.clock import CONTRADICTION, HEADER_RESOLUTION, ServerClock, parse_date_header, system_clock
from strava_pipeline.ingest.http import Exchange, UntrustedError, make_wire
from strava_pipeline.ingest.ledger import LedgerFile
from strava_pipeline.ingest.login_file import halves_of
from strava_pipeline.ingest.strava.oauth import (
    LOGIN,
    SCOPES,
    StoredToken,
    access_tokens,
    keep_emulator_tokens_here,
    make_oauth,
    missing_scopes,
    token_store,
)

_PURGED = ".purged"  # lake/paths.py: a purge is deleting; a call made now would bring some of it back


def examine_claim(settings: Settings, claimed_at: datetime, clock: ServerClock) -> bool:
    """Test an event's claim that the access was withdrawn, and record it if true: as of `claimed_at`.

    Returns False if there was nothing to test: it is already recorded, or there is no login. Raises as
    `is_login_refused` does.
    """
    if revoked_at(settings) is not None or not token_store(settings).path.exists():
        return False
    if is_login_refused(settings, clock):
        note_revocation(settings, claimed_at)
    return True


def is_login_refused(settings: Settings, clock: ServerClock) -> bool:
    """Whether Strava refuses the stored login, tested by renewing it once: a token call, which counts in no limit.

    The new pair is stored. Raises errors that say nothing about the login: MissingSettingsError without one,
    NeedsLoginError if its file is garbage, WrongApplicationError (also if it is inactive), LoginServiceError (no
    answer).
    """
    store = token_store(settings)
    with store.lock():  # or another process could renew it in between, and nothing would be tried
        tokens = access_tokens(store, make_oauth(settings, make_wire(settings, clock), clock), clock)
        try:
            tokens.get_new()
        except WrongApplicationError:
            raise
        except NeedsLoginError:
            return True
    return False


def withdraw_access(settings: Settings, clock: ServerClock) -> None:
    """Withdraw the stored login at Strava and record that. Raises as LoginFile.load and OAuth.revoke do."""
    store = token_store(settings)
    with store.lock():  # or a refresh at the same time could bring one that is not withdrawn
        make_oauth(settings, make_wire(settings, clock), clock).revoke(store.load().refresh_token)
    note_revocation(settings, clock.now())


def note_revocation(settings: Settings, at: datetime) -> None:
    """Record that the athlete withdrew the access at `at`: no further call is made with this login."""
    path = _note(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps({"at": at.astimezone(UTC).isoformat().replace("+00:00", "Z")}))
    temporary.replace(path)


def revoked_at(settings: Settings) -> datetime | None:
    """When the athlete withdrew the access (UTC), or None. An unreadable record counts from its file's time."""
    path = _note(settings)
    try:
        at = datetime.fromisoformat(json.loads(path.read_bytes())["at"])
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def forget_revocation(settings: Settings) -> None:
    """Delete the record, because the athlete has logged in again."""
    _note(settings).unlink(missing_ok=True)


def revoked_message(at: datetime) -> str:
    """The message about a withdrawal, with what to do, for a person."""
    return (
        f"The athlete took this application's access away on {at:%Y-%m-%d}. Strava asks that their data is then deleted: "
        "strava-pipeline purge --api. If it was a mistake: strava-pipeline auth."
    )


def no_access_reason(settings: Settings) -> str | None:
    """Why no call may be made though a login may exist (access withdrawn, or a purge under way), or None."""
    if revoked := revoked_at(settings):
        return revoked_message(revoked)
    if (settings.data_dir / _PURGED).exists():
        return f"A purge of {settings.data_dir} is running, or was interrupted: strava-pipeline purge finishes it."
    return None


def _note(settings: Settings) -> Path:
    return settings.data_dir / "state" / "revoked.json"


SERVER, ADDRESS, CLOCK, TOKEN, LEDGER = "server", "API address", "clock", "login", "budget ledger"
OLD_HOST = "www.strava.com"
NEW_ADDRESSES = ("https://www.api-v3.strava.com", "https://api-v3.strava.com")
NEW_ADDRESS_FROM = datetime(2027, 1, 4, tzinfo=UTC)
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_OTHER_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def server_health(settings: Settings) -> list[Fact]:
    """Whether the server answers with a valid certificate, and the difference between this machine's clock and the server's."""
    host = urlsplit(settings.base_url).hostname or "?"
    clock = system_clock(settings)
    try:
        answer = make_wire(settings, clock).send("HEAD", f"{settings.base_url}/")
    except UntrustedError as error:
        found = problem(SERVER, *_untrusted(error.code, host, clock.local()))
    except PipelineError as error:
        found = problem(
            SERVER, f"{error}.", f"Look at the network (proxy: HTTPS_PROXY) and at STRAVA_BASE_URL={settings.base_url}"
        )
    else:
        secure = settings.base_url.startswith("https:")
        how = "its certificate is good" if secure else "without encryption, so there is no certificate to verify"
        return [ok(SERVER, f"{host} answers; {how}"), clock_health(answer, clock.local())]
    return [found, skipped(CLOCK, "the server's time is not known")]


def new_address_health(settings: Settings, now: datetime, addresses: Sequence[str] = NEW_ADDRESSES) -> list[Fact]:
    """Whether the API answers at its new address, asked without a token; empty before the address exists, or if another
    one is set.

    Strava's announcement of 1 June 2026 and its changelog spell the address differently; from 1 June 2027 on calls
    belong there.
    """
    if now < NEW_ADDRESS_FROM or urlsplit(settings.api_url).hostname != OLD_HOST:
        return []
    wire = make_wire(settings, system_clock(settings))
    for address in addresses:
        with suppress(PipelineError):
            if wire.send("GET", f"{address}/athlete").status == 401:  # it wants a token
                what = (
                    f"Strava's API has moved to {address}, which answers; from 1 June 2027 on the old address may not."
                )
                return [warning(ADDRESS, what, f"Set STRAVA_API_URL={address}, and look whether a `flow` works.")]
    return [ok(ADDRESS, "the API's new address does not answer yet")]


def clock_health(answer: Exchange, local: datetime) -> Fact:
    """The difference between `local`, the time when the answer came, and the answer's Date header.

    The header is cut to seconds and at most as old as the answer took, so a difference of that size is ignored.
    """
    date = parse_date_header(answer.headers.get("Date"))
    if date is None:
        return skipped(CLOCK, "the server does not say its time")
    latest = date + HEADER_RESOLUTION + timedelta(seconds=answer.seconds)
    off = local - date if local < date else max(local - latest, timedelta(0))
    difference = (
        f"{_span(off)} {'behind' if off < timedelta(0) else 'ahead of'} the server's" if off else "as the server's"
    )
    if abs(off) <= CONTRADICTION:
        return ok(CLOCK, difference)
    return warning(
        CLOCK,
        f"{difference}. The pipeline goes by the server's, so limits and logins are right; schedules go by this machine's.",
        "Set the clock, or switch on time synchronisation: timedatectl set-ntp true",
    )


def login_facts(settings: Settings) -> list[Fact]:
    """The login on disk: whether it exists, its rights, its server, and its scopes."""
    if revoked := revoked_at(settings):
        what = f"the athlete took this application's access away on {revoked:%Y-%m-%d}."
        fix = f"Strava asks that their data is then deleted: strava-pipeline purge --api\nIf it was a mistake: {LOGIN}"
        return [problem(TOKEN, what, fix)]
    store = token_store(settings)
    was_open = is_open(store.path)  # which `load` ends
    try:
        token = store.load()
    except MissingSettingsError:
        return [warning(TOKEN, "There is no login yet.", f"Run `{LOGIN}`.")]
    except PipelineError as error:
        return [problem(TOKEN, str(error), f"Move the file away if it is there, then log in: {LOGIN}")]
    found = [_token(settings, token)]
    folder = store.path.parent
    if was_open:
        found.append(problem(TOKEN, f"{store.path} can be read by others.", f"chmod 600 '{store.path}'"))
    if is_open(folder):
        found.append(warning(TOKEN, f"{folder} can be opened by others.", f"chmod 700 '{folder}'"))
    if halves := halves_of(store.path):
        found.append(
            warning(
                TOKEN, "an unfinished login was left by a process that died.", "\n".join(f"rm '{p}'" for p in halves)
            )
        )
    return found


def ledger_health(settings: Settings) -> list[Fact]:
    """Whether the ledger of calls can be read and written, and its set-aside files."""
    path = ledger_path(settings)
    found = [_ledger(path)]
    if aside := sorted(path.parent.glob(f"{path.name}.corrupt-*")):
        what = f"{len(aside)} that could not be understood, set aside in {aside[0].parent}."
        found.append(warning(LEDGER, what, "\n".join(f"rm -f '{file}'" for file in aside)))
    return found


def _ledger(path: Path) -> Fact:
    try:
        if LedgerFile(path).is_garbage():
            return warning(
                LEDGER,
                f"{path} can't be understood.",
                "Nothing to do: the next call sets it aside, and Strava's answer brings the numbers back.",
            )
    except OSError as error:
        return problem(LEDGER, f"{path} can't be read ({error.strerror}).", f"chmod u+rw '{path}'")
    for file in (path, path.with_name(f"{path.name}.lock")):
        if file.exists() and not os.access(file, os.W_OK):
            what = f"{file} belongs to another user, and this one may not write to it: no call can be made."
            return problem(
                LEDGER,
                what,
                f"Let both write to {file.parent} by a common group, or as its owner: chmod g+rw '{file}'",
            )
    return ok(LEDGER, "readable" if path.exists() else "none yet; the first call creates it")


def _token(settings: Settings, token: StoredToken) -> Fact:
    try:
        keep_emulator_tokens_here(token.refresh_token, settings.base_url)
    except ForbiddenError as error:
        return problem(TOKEN, str(error), "Correct STRAVA_BASE_URL and STRAVA_API_URL, or log in: " + LOGIN)
    if token.refused_at is not None:
        return problem(TOKEN, f"Strava refused it on {token.refused_at:%Y-%m-%d %H:%M} UTC.", f"Log in again: {LOGIN}")
    until = "access is renewed at the next call"
    if token.expires_at is not None:
        until = f"access until {token.expires_at:%Y-%m-%d %H:%M} UTC, renewed by itself"
    granted = None if token.scope is None else token.scope.replace(",", " ").split()
    values = {
        "athlete_id": token.athlete_id,
        "scopes": granted,
        "may_write": token.may_write,
        "expires_at": token.expires_at,
    }
    if granted is None:
        unknown = "what it may see is not known, as a bare code does not say"
        return ok(TOKEN, f"there; {until}; {unknown}", values=values)
    if missing := missing_scopes(SCOPES, granted):
        fix = f"Log in, every box ticked: {LOGIN}"
        return warning(TOKEN, f"there; {until}; but {_without(missing)}.", fix, values=values)
    writes = "; may change activities" if token.may_write else ""
    return ok(TOKEN, f"there; {until}; may see everything{writes}", values=values)


def _without(missing: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{scope} was not granted: {consequence}" for scope, consequence in missing)


def _untrusted(code: int | None, host: str, local: datetime) -> tuple[str, str]:
    """(fault, remedy) by OpenSSL's verdict."""
    if code in (_NOT_YET_VALID, _EXPIRED):
        which = "has expired" if code == _EXPIRED else "is not valid yet"
        return (
            f"the certificate of {host}, or one it rests on, {which} by this machine's clock ({local:%Y-%m-%d %H:%M} UTC).",
            "If that is not the time, set the clock. Else the server or proxy needs a new certificate.",
        )
    if code in _OTHER_NAME:
        return (
            f"the certificate is for another host than {host}.",
            "Look at STRAVA_BASE_URL; if it is right, something on the way answers in the host's place.",
        )
    return (
        f"the certificate of {host} is not trusted by the bundle in use.",
        "Behind a corporate proxy, get its root and intermediate certificates (PEM), and join them with the public ones:\n"
        "strava-pipeline doctor --make-ca-bundle FILE…",
    )


def _span(off: timedelta) -> str:
    seconds = abs(off).total_seconds()
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"


def make_budget(settings: Settings, clock: ServerClock | None = None, share: CallShare | None = None) -> RateBudget:
    """The budget of the settings' API application. Needs neither login nor network."""
    who, clock = sharer_of(settings.data_dir), clock or system_clock(settings)
    return RateBudget(ledger_path(settings), clock, who=who, **asdict(share or CallShare()))


def sharer_of(data_dir: Path) -> str:
    """A data folder's name in the ledger: the same from each container that mounts it, and without a path."""
    try:
        found = data_dir.stat()
    except OSError:  # not there yet
        name = str(data_dir.absolute())
    else:
        name = f"{found.st_dev}:{found.st_ino}"
    return sha256(name.encode()).hexdigest()[:8]


def ledger_path(settings: Settings) -> Path:
    """The ledger of the settings' API application: all data folders share it, since Strava counts per application."""
    host = urlsplit(settings.api_url).netloc.rpartition("@")[2].lower()
    application = sha256(f"{host}\n{settings.client_id or ''}".encode()).hexdigest()[:16]
    return settings.ledger_dir / f"strava-{application}.json"
