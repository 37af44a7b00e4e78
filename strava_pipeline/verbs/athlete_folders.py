"""Athletes' folders for `athletes` and `doctor`: created or adopted, summarised, at work, and sharing an application."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.facts import Fact, ok, warning
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import counted
from strava_pipeline.environment.athletes import NAME, WRONG_NAME, Athlete, athletes, change_registry, settings_of
from strava_pipeline.environment.setting_files import replace_file
from strava_pipeline.environment.setting_sources import variables_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import enabled_in_file
from strava_pipeline.ingest.registry import login_files, missing_login, part, sources
from strava_pipeline.lake.paths import Lake

ATHLETES = "athletes"
MOST = 10  # athletes of one application of Strava's that nobody reviewed
STEP = 10  # between the ports of two athletes
FOLDERS = ("data", "secrets", "logs", "dagster_home")
ENV = """\
# Settings of {name} alone. What is not here is as in the house, for all that docs/athletes.md calls the house's.
# The login at Strava: strava-pipeline auth --athlete {name}
# STRAVA_ALERT_URL=                 # where failures are posted
# GARMIN_PERSONAL_API_KEY=          # keys at other services; providers.toml in this folder says which are asked
# INTERVALS_API_KEY=
# RIDEWITHGPS_API_KEY=
# RIDEWITHGPS_AUTH_TOKEN=
# STRAVA_CLIENT_ID=                 # an API application of their own, in place of the house's
# STRAVA_CLIENT_SECRET=
STRAVA_SERVE_ADDRESS=127.0.0.1:{intake}
DASHBOARD_ADDRESS=127.0.0.1:{dashboard}
"""


def add_athlete(settings: Settings, name: str, here: Path | None) -> Athlete:
    """Add an athlete to the registry: with a new folder in ATHLETES_DIR, or with the folder `here`, which stays unchanged.

    Raises MisuseError if the name or the folder can't be used; then nothing was changed.

    Args:
        settings: the house's; with `here`, also those of the folder.
    """
    home = settings.athletes_dir or Path()
    athlete = Athlete(name, here or home / name)

    def change(document: Any) -> None:
        _check(settings, athlete)
        if here is None:
            _make(settings, athlete)
        else:
            _check_as_before(settings, athlete)
        document[name] = {} if here is None else {"folder": str(here)}

    change_registry(settings, change)
    return athlete


def _check(settings: Settings, athlete: Athlete) -> None:
    """Raise MisuseError for an invalid name, or for a folder that isn't an athlete's, or is another athlete's."""
    known, folder = athletes(settings), athlete.folder
    if not NAME.fullmatch(athlete.name):
        raise MisuseError(f"{athlete.name!r} {WRONG_NAME}")
    if taken := next((one for one in known if one.name == athlete.name), None):
        raise MisuseError(f"There is an athlete {athlete.name} already, with the folder {taken.folder}.")
    if folder.resolve() == (settings.athletes_dir or Path()).resolve():
        raise MisuseError(f"{folder} is ATHLETES_DIR, where everybody has a folder, so it is no folder of one athlete.")
    if folder == Lake(settings.athletes_dir or Path()).state:
        raise MisuseError(f"{folder} is for the dashboard of all athletes. Choose another name.")
    own = settings_of(settings, athlete)
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or _is_athletes(own))):
        raise MisuseError(
            f"{folder} is not empty, and does not look like an athlete's folder: no .env with our settings, no data, no login. "
            "Choose another name, or move it."
        )
    for other in known:
        if shared := _shared(settings.athletes_dir or Path(), athlete, own, other, settings_of(settings, other)):
            raise MisuseError(
                f"{folder} can't be {athlete.name}'s: {shared}. Each athlete needs a folder of their own."
            )


def _is_athletes(own: Settings) -> bool:
    lake, folder = Lake(own.data_dir), own.athlete_folder or Path()
    is_written = not dotenv_values(folder / ".env").keys().isdisjoint(Settings.variables())
    return is_written or lake.state.is_dir() or lake.bronze.is_dir() or own.secrets_dir.is_dir()


def _shared(home: Path, one: Athlete, own: Settings, other: Athlete, others: Settings) -> str | None:
    """What two athletes would share, in words, or None. ATHLETES_DIR may be in a folder that is an athlete's itself."""
    mine, theirs, common = one.folder.resolve(), other.folder.resolve(), home.resolve()
    if mine == theirs:
        return f"it is the folder of {other.name}"
    for inner, outer in ((mine, theirs), (theirs, mine)):
        if outer in inner.parents and not (outer in common.parents and common in inner.parents):
            return f"it and the folder of {other.name} ({other.folder}) are in each other"
    for path in _places(own):
        for place in _places(others):
            if path == place or path in place.parents or place in path.parents:
                return f"by their settings, {path} and {place} of {other.name} are in each other"
    if own.data_dir.resolve().parent == others.data_dir.resolve().parent:
        return f"goals.toml, rules.toml and views are beside the data folder, so that {other.name} would have the same"
    return None


def _places(own: Settings) -> list[Path]:
    """The paths of an athlete's files, by their settings."""
    logins = [path for name in sources() for path in login_files(name, own)]
    places = (own.data_dir, own.secrets_dir, own.logs_dir, own.dagster_home, own.providers_config, own.pings_config)
    return [path.resolve() for path in (*places, *logins)]


def _make(settings: Settings, athlete: Athlete) -> None:
    """Create the folder, or what is missing in it."""
    for folder in (athlete.folder, *(athlete.folder / name for name in FOLDERS)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (path := athlete.folder / ".env").exists():
        step = _free_step(settings)
        text = ENV.format(name=athlete.name, intake=8722 + step, dashboard=8723 + step)
        replace_file(path, "", text, is_private=True)


def _free_step(settings: Settings) -> int:
    """The offset of a new athlete's ports from the default ones, unused in the house."""
    others = [settings, *(settings_of(settings, one) for one in athletes(settings))]
    taken = {one.serve_address.rpartition(":")[2] for one in others} | {
        one.dashboard_address.rpartition(":")[2] for one in others
    }
    return next(step for step in range(STEP, 50_000, STEP) if taken.isdisjoint({f"{8722 + step}", f"{8723 + step}"}))


def _check_as_before(settings: Settings, athlete: Athlete) -> None:
    """Raise MisuseError if the settings in effect in this folder now would change with --athlete."""
    own = settings_of(settings, athlete)
    lines = [
        f"{variables_of(spec)[0]}={value if isinstance(value, Path) else '<its value>'}"
        for field, spec in Settings.model_fields.items()
        if (value := getattr(settings, field)) != getattr(own, field)
    ]
    if lines:
        raise MisuseError(
            f"With --athlete {athlete.name}, what is personal comes from {athlete.folder / '.env'} alone. So put these lines "
            "there, whose values come from the environment, /run/secrets or the place of the program until now; then run this "
            "again:\n" + "\n".join(lines)
        )
    if lost := [
        f"{spec_of(name).title}: {problem}"
        for name in enabled_in_file(settings)
        if missing_login(name, settings) is None and (problem := missing_login(name, own)) is not None
    ]:
        raise MisuseError(
            f"With --athlete {athlete.name}, logins would be lost that were found in the home folder or elsewhere. "
            f"Log in again, or name them in {athlete.folder / '.env'}; then run this again:\n" + "\n".join(lost)
        )


def refuse_work(own: Settings, name: str) -> None:
    """Raise PipelineError while anything works in an athlete's folder.

    Args:
        own: the athlete's settings.
    """
    from strava_pipeline.lake.purge import who_is_at_work
    from strava_pipeline.verbs.dagster_process import is_daemon_running

    if at_work := who_is_at_work(Lake(own.data_dir)):
        raise PipelineError(
            f"{name} was not removed: {own.data_dir} is in use by {at_work}. Wait for its end, or end it."
        )
    if is_daemon_running(own.dagster_home):
        raise PipelineError(
            f"{name} was not removed: Dagster runs on {own.dagster_home}. End it first: strava-pipeline service down --athlete "
            f"{name} (or Ctrl-C in the terminal of `dev`)."
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """An athlete in short.

    Args:
        logins: the services that can be asked.
        newest_activity_on: the local day of the newest activity in the published warehouse.
        last_success_at: when a run last succeeded.
        problem: why nothing more is known, such as a setting that is not usable.
    """

    name: str
    folder: Path
    logins: list[str]
    newest_activity_on: date | None
    last_success_at: datetime | None
    problem: str | None = None


def summary(settings: Settings, athlete: Athlete) -> Summary:
    """The summary of an athlete, without a position or a name of an activity."""
    try:
        own = settings_of(settings, athlete)
        if not athlete.folder.is_dir():
            raise PipelineError("The folder is missing. Is its disk there?")
        logins = [STRAVA] if part(STRAVA, "login").has_login(own) else []
        logins += [name for name in enabled_in_file(own) if missing_login(name, own) is None]
        return Summary(athlete.name, athlete.folder, logins, _newest_day(own), _last_success(own))
    except PipelineError as error:
        return Summary(athlete.name, athlete.folder, [], None, None, str(error))


def _newest_day(own: Settings) -> date | None:
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.gold.warehouse import is_outdated

    lake = Lake(own.data_dir)
    if not lake.snapshot.exists():
        return None
    with snapshot(lake) as connection:
        if is_outdated(connection):
            return None
        row = connection.execute("SELECT max(start_date_local)::DATE FROM activities").fetchone()
    return row[0] if row else None


def _last_success(own: Settings) -> datetime | None:
    from strava_pipeline.orchestrate.home import may_have_records

    if not may_have_records(own.dagster_home):
        return None
    from strava_pipeline.verbs.instance import open_instance
    from strava_pipeline.verbs.service_status import last_success

    with open_instance(own.dagster_home) as instance:
        return last_success(own, instance)


@dataclass(frozen=True, slots=True)
class SharedApplication:
    """An API application of Strava's, with the names of its athletes and the folders where its calls are counted."""

    client_id: str
    names: list[str]
    ledgers: list[Path]

    @property
    def line(self) -> str:
        return f"Strava's API application {self.client_id}: {counted(len(self.names), 'athlete')} ({', '.join(self.names)})"

    @property
    def problem(self) -> str | None:
        if len(self.ledgers) > 1:
            places = ", ".join(map(str, self.ledgers))
            return f"{self.line}. Their calls are counted apart, in {places}: set STRAVA_LEDGER_DIR to one of them."
        if len(self.names) > MOST:
            return f"{self.line}. Strava lets {MOST} log in at an application that it has not reviewed."
        return None


def applications_shared(settings: Settings) -> list[SharedApplication]:
    """The API applications of all athletes in the registry with readable settings, the one with most athletes first."""
    found: defaultdict[tuple[str, str], list[tuple[str, Path]]] = defaultdict(list)
    for one, own in _readable(settings):
        if own.client_id is not None:
            found[own.client_id, urlsplit(own.base_url).netloc].append((one.name, own.ledger_dir))
    shared = [
        SharedApplication(client_id, [name for name, _ in using], sorted({ledger for _, ledger in using}))
        for (client_id, _), using in found.items()
    ]
    return sorted(shared, key=lambda each: (-len(each.names), each.client_id))


def _readable(settings: Settings) -> Iterator[tuple[Athlete, Settings]]:
    """All athletes with readable settings, with these; for the others the list shows the reason in their line."""
    for one in athletes(settings):
        try:
            own = settings_of(settings, one)
        except PipelineError:
            continue
        yield one, own


def accounts_shared(settings: Settings) -> list[str]:
    """The athletes logged in with the same account at Strava, a line for each account: a browser remembers somebody
    else's login.
    """
    found: defaultdict[int, list[str]] = defaultdict(list)
    for one, own in _readable(settings):
        try:
            owner = part(STRAVA, "login").login_owner(own)
        except PipelineError:
            continue
        if owner is not None:
            found[owner].append(one.name)
    return [
        f"{' and '.join(names)} are logged in with the same account at Strava, so they have the same activities."
        for names in found.values()
        if len(names) > 1
    ]


def athletes_health(settings: Settings) -> list[Fact]:
    """The athletes in the registry, how many share an application, and who has somebody else's login."""
    fix = "docs/athletes.md says what athletes of one application share."
    again = "Log in again: strava-pipeline auth --athlete NAME, in a private window of the browser."
    return [
        ok(ATHLETES, f"{len(athletes(settings))} in the registry"),
        *(
            warning(ATHLETES, each.problem, fix) if each.problem else ok(ATHLETES, each.line)
            for each in applications_shared(settings)
        ),
        *(warning(ATHLETES, line, again) for line in accounts_shared(settings)),
    ]
