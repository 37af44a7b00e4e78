"""The command `auth`: a person logs in, once per data folder.

It shows Strava's consent page, reads the answer, saves the login and fetches the athlete. OAuth and the login's file are
ingest's, storing the athlete is the lake's.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    MissingSettingsError,
    MisuseError,
    NeedsLoginError,
    PipelineError,
    TransientError,
)
from strava_pipeline.environment.browser import has_browser
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.ingest.consent import Consent, RedirectListener, read_consent
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.login_file import LoginFile
from strava_pipeline.ingest.strava.access import forget_revocation
from strava_pipeline.ingest.strava.client import connect
from strava_pipeline.ingest.strava.oauth import (
    SCOPES,
    WRITES,
    OAuth,
    StoredToken,
    make_oauth,
    missing_scopes,
    token_store,
)
from strava_pipeline.lake.bronze.answers import land_athlete
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.bronze.listings import refuse_emulator
from strava_pipeline.lake.paths import Lake
from strava_pipeline.verbs.output import ask, echo
from strava_pipeline.verbs.terminal import print_wrapped

PORT = 8721
TERMS = (
    "Strava's API terms ask that what the API gives is kept no longer than seven days, is not combined with other data, and is "
    "not used with an AI. They ask that it is shown to its own athlete alone, and allow ten athletes to an application. This "
    "program keeps it until you delete it, or for as many days as you set (STRAVA_API_KEEP_DAYS). None of this binds Strava's "
    "archive, which `strava-pipeline import` reads without a login. More: docs/terms.md."
)


def auth(
    code: Annotated[
        str | None, typer.Option(help="Log in with this code, or the address Strava sent you to; no prompt.")
    ] = None,
    listen: Annotated[bool, typer.Option("--listen", help="Catch Strava's redirect on this machine.")] = False,
    port: Annotated[
        int | None,
        typer.Argument(min=1, max=65535, help=f"With --listen: the port to catch it on ({PORT})."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Don't open the page, only show it.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Ask to be allowed to change activities and to upload files, too.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Ask for reading alone again.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Log another athlete in to a folder that holds data.")] = False,
) -> None:
    """Log in to Strava."""
    if write and read_only:
        raise MisuseError("--write and --read-only contradict each other; choose one.")
    if code is not None and listen:
        raise MissingSettingsError("--code and --listen are two ways to log in; choose one.")
    if port is not None and not listen:
        raise MissingSettingsError(f"{port}: a port goes with --listen; a code goes with --code.")
    settings = Settings.load()
    if not force:
        refuse_emulator(Lake(settings.data_dir), settings.api_url)
    clock = system_clock(settings)
    oauth = make_oauth(settings, make_wire(settings, clock), clock)
    echo(f"{TERMS}\n", err=True)
    asks_to_write = write or (not read_only and _may_write(token_store(settings)))
    asked = (*SCOPES, WRITES) if asks_to_write else SCOPES
    page = partial(oauth.authorize_url, scopes=asked, is_asked_again=write or read_only)
    consent = _consent(page, settings.redirect_uri, code, (port or PORT) if listen else None, browser=not no_browser)
    log_in(settings, oauth, clock, consent, asked=asked, force=force)


def log_in(
    settings: Settings,
    oauth: OAuth,
    clock: ServerClock,
    consent: Consent,
    *,
    force: bool,
    asked: Sequence[str] = SCOPES,
) -> None:
    """Get the tokens, save them, fetch and store the athlete (one call), and show which permissions the login lacks.

    `asked`: the scopes that the page showed. Raises PipelineError, leaving the old login untouched, if another
    athlete's data is in the folder and `force` is off.
    """
    store = token_store(settings)
    store.probe()
    answer = oauth.exchange_code(consent.code)
    scopes = consent.scopes or _scopes_of(answer)
    known = {"scope": ",".join(scopes)} if scopes else {}
    token = StoredToken({**answer, **known})
    if token.athlete_id is not None:
        token = token.with_answer({"athlete_id": token.athlete_id})
    with store.lock():
        _refuse_another_athlete(settings.data_dir, store, token, force=force)
        store.save(token)
    forget_revocation(settings)
    print_wrapped(f"Logged in as athlete {token.athlete_id}; the login is kept in {store.path}.")
    _print_missing_scopes(asked, scopes)
    _fetch_athlete(settings, clock)


def log_in_at_emulator(settings: Settings, scopes: Sequence[str] = SCOPES) -> None:
    """Log in as the athlete of an emulator on this machine, who allows these scopes. Raises PipelineError for another host."""
    host = urlsplit(settings.base_url).hostname
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise PipelineError(f"{host} is not this machine; the demo's login is for the emulator only.")
    clock = system_clock(settings)
    wire = make_wire(settings, clock)
    oauth = make_oauth(settings, wire, clock)
    answer = wire.send("GET", oauth.authorize_url(settings.redirect_uri, "demo", scopes=scopes))
    log_in(settings, oauth, clock, read_consent(answer.headers["Location"], "demo"), force=True, asked=scopes)


def _may_write(store: LoginFile[StoredToken]) -> bool:
    """Whether the present login may change activities."""
    try:
        return store.load().may_write is True
    except (MissingSettingsError, NeedsLoginError):
        return False


def _consent(
    page: Callable[[str, str], str], redirect_uri: str, code: str | None, port: int | None, *, browser: bool
) -> Consent:
    """The athlete's consent. `page`: makes the address of Strava's page from the redirect address and a state."""
    if code is not None:
        return read_consent(code, state=None)  # no page of ours was shown before, so there is no state to compare
    state = secrets.token_urlsafe(16)
    if port is None:
        _show(page(redirect_uri, state), browser=browser)
        print_wrapped("Strava then sends you to an address that may not open. Copy it whole from the address bar.")
        return read_consent(ask("Paste that address, or its code"), state)
    with RedirectListener(port, state) as listener:
        _show(page(listener.redirect_uri, state), browser=browser)
        echo("Waiting for Strava's answer …", err=True)
        return read_consent(listener.wait(), state)


def _show(url: str, *, browser: bool) -> None:
    echo(f"Open this page and allow access, leaving every box ticked:\n\n  {url}\n")
    if browser and has_browser():
        typer.launch(url)


def _refuse_another_athlete(data_dir: Path, store: LoginFile[StoredToken], new: StoredToken, *, force: bool) -> None:
    try:
        old = store.load().athlete_id
    except (MissingSettingsError, NeedsLoginError):
        return
    if old is None or new.athlete_id in (None, old) or force or not holds_data(data_dir):
        return
    raise PipelineError(
        f"{data_dir} holds data of athlete {old}, but this login is athlete {new.athlete_id}'s; it was not saved. "
        "One data folder is for one login: set STRAVA_DATA_DIR and STRAVA_SECRETS_DIR to other folders for this "
        "athlete, or use --force to mix them."
    )


def holds_data(data_dir: Path) -> bool:
    """Whether the folder contains data of an athlete, besides the profile."""
    bronze = data_dir / "bronze"
    rooms = bronze.iterdir() if bronze.is_dir() else ()
    return any(path.is_file() for room in rooms if not room.name.startswith("athlete") for path in room.rglob("*"))


def _scopes_of(answer: dict[str, Any]) -> tuple[str, ...] | None:
    scope = answer.get("scope")
    return tuple(scope.replace(",", " ").split()) if isinstance(scope, str) and scope else None


def _print_missing_scopes(asked: Sequence[str], granted: tuple[str, ...] | None) -> None:
    if granted is None:
        echo("A bare code doesn't show which boxes were left ticked; the whole address does.")
        return
    for scope, consequence in missing_scopes(asked, granted):
        again = "auth --write" if scope == WRITES else "auth"
        echo(f"Not granted: {scope} – {consequence}. To change that, run {again} again.")
    if WRITES in granted and WRITES not in asked:
        echo(
            "Strava still lets this login change activities, though only reading was asked for. To end that, take the access "
            "away at https://www.strava.com/settings/apps, then run auth again."
        )
    elif WRITES in granted:
        echo("This login may change activities and upload files. Nothing is sent that you have not approved.")


def _fetch_athlete(settings: Settings, clock: ServerClock) -> None:
    """Fetch the athlete with one call; the login is valid without it."""
    lake = Lake(settings.data_dir, clock=clock.local)
    require_writable(lake, lake.athlete)
    try:
        answer = connect(settings, wait=False, clock=clock).get_athlete()
    except (TransientError, BudgetExhaustedError, CallCapReachedError) as error:
        echo(f"The athlete's profile could not be fetched now; a later run will. {error}", err=True)
        return
    land_athlete(lake, answer.body, answer.fetched_at)
