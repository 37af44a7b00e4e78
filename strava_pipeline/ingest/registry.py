"""Which providers there are: the folders of this room with a `record.py`, and what other packages bring. Nothing names one.

A provider NAME is a folder: `record.py` (core/providers.py), `client.py`, and the pages of its `emulator`; or a package with the
same modules (core/sources.py). A module is imported when it is used, so a provider that nobody enabled costs nothing.
`client.py` has

- `connect(settings, clock, on_wait) -> Provider`, which sends nothing;
- `login_files(settings) -> Sequence[Path]`, where the login is kept; empty where the login is a setting;
- either `login(settings, clock, request) -> None`, which logs a person in by what a `LoginRequest` gives, saves the
  login, and raises PipelineError where that fails; or `LOGIN_SETTINGS`, the names of the settings that are the login.
  Where both ways are possible, `is_application_set(settings) -> bool` chooses the first one;
- where there are several ways, or a login has an end, `kept_login(settings) -> KeptLogin | None`, which says which it is;
- where its file must not go while another process holds it, `forget(settings) -> None`, which deletes it;
- where more is to be said of the login that is here, `login_facts(settings) -> Sequence[Fact]`;
- where a login that is there may not be usable, `login_problem(settings) -> str | None`, which says why;
- where a person may also log in by a key that the service gave them, `login_by_key`, with the arguments of `login`;
- where `login` needs an application of the user's own, `APPLICATION_SETTINGS`, the names of its settings.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from strava_pipeline import ingest
from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.facts import Fact
from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.core.sources import SOURCES, STRAVA, UnusableSourceError, import_part, source_names
from strava_pipeline.environment.process_owner import reading_folder
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.login_file import traces_of
from strava_pipeline.ingest.provider import HookedProvider, KeptLogin, LoginRequest, OnWait, Provider
from strava_pipeline.ingest.revocation import refuse_revoked, revocation_file

if TYPE_CHECKING:
    from strava_pipeline.ingest.budget import CallShare, RateBudget

PROVIDERS: dict[str, str] = {
    folder.parent.name: f"{ingest.__name__}.{folder.parent.name}.client"
    for place in ingest.__path__
    for folder in sorted(Path(place).glob("*/record.py"))
    if folder.parent.name != STRAVA
}
"""The module of each of our own sources besides Strava, by name, from the folders here."""

ALIASES: dict[str, str] = {"intervalsicu": "intervals_icu"}
"""Alternative names of a provider, in commands and in providers.toml, and its own name."""


def sources() -> list[str]:
    """Every source, Strava first."""
    return [STRAVA, *provider_names()]


class UnknownProviderError(MisuseError):
    """No provider has that name."""

    def __init__(self, name: str) -> None:
        known = ", ".join(provider_names()) or "none yet"
        super().__init__(f"There is no provider {name}. Known besides Strava: {known}.")


def provider_names() -> list[str]:
    """Every provider besides Strava, enabled or not: ours, and those of other packages."""
    return sorted({*PROVIDERS, *source_names()})


def is_provider(name: str) -> bool:
    """Whether there is a provider of that name."""
    return name in PROVIDERS or name in source_names()


def provider_name(typed: str) -> str:
    """The provider's own name for a typed one, which may be an alternative name. Raises UnknownProviderError."""
    name = ALIASES.get(typed, typed)
    if not is_provider(name):
        raise UnknownProviderError(typed)
    return name


def part(name: str, module: str) -> Any:
    """A module of the source `name`, such as `login`. Raises ModuleNotFoundError if one of ours has none of that name."""
    found = import_part(name, module)
    if found is None:
        raise UnknownProviderError(name)
    return found


def _module(name: str) -> Any:
    """The module with a source's login functions: its client, or a separate one."""
    return part(name, "login" if name in SOURCES else "client")


def _asked(name: str, what: str, settings: Settings, *more: object) -> Any:
    """The result of the source's function `what`, or None if it has none, or if no client can be imported: see `missing_login`.

    A third-party package meanwhile reads its own settings as those of the athlete of `settings`.
    """
    try:
        function = getattr(_module(name), what, None)
    except UnusableSourceError:
        return None
    with reading_folder(settings.athlete_folder):
        return None if function is None else function(settings, *more)


def connect(
    name: str,
    settings: Settings,
    clock: ServerClock,
    on_wait: OnWait = lambda why, seconds: None,
    *,
    share: "CallShare | None" = None,
) -> Provider:
    """A client of the source `name` with the login of the settings; nothing is sent yet.

    `on_wait` is informed of each pause that the service asks for; `share`: the client's share of a budget, if it has
    one. Raises PipelineError if no source has that name or its login can't be used, NeedsLoginError or
    MissingSettingsError if its login is missing, NeedsLoginError if it was withdrawn.
    """
    if name not in SOURCES and not is_provider(name):
        raise UnknownProviderError(name)
    capabilities = spec_of(name).capabilities
    module = part(name, "client")
    if "budget" in capabilities:
        return cast(Provider, module.connect(settings, clock, on_wait, share=share))
    with reading_folder(settings.athlete_folder):
        client = cast(Provider, module.connect(settings, clock, on_wait))
    if client.spec.webhooks is not None:
        refuse_revoked(settings, name, cast(HookedProvider, client).login_digest, client.spec.title)
    return client


def budget(name: str, settings: Settings, clock: ServerClock, share: "CallShare | None" = None) -> "RateBudget":
    """The budget of the source `name`, whose record names `budget`. Nothing is sent."""
    return cast("RateBudget", _module(name).make_budget(settings, clock, share))


def subscription(name: str, settings: Settings, clock: ServerClock) -> Any:
    """The application's subscription at the source `name`, whose record names `subscription`, as far as recorded here."""
    return part(name, "subscriptions").OwnSubscription(settings, clock)


def login_owner(name: str, settings: Settings) -> int | None:
    """The athlete of the stored login to the source `name`, if the login says so. Nothing is sent."""
    return cast("int | None", _asked(name, "login_owner", settings))


def revoked_at(name: str, settings: Settings) -> datetime | None:
    """When the athlete withdrew the access (UTC), if the source records that without a login, or None."""
    return cast("datetime | None", _asked(name, "revoked_at", settings))


def examine_claim(name: str, settings: Settings, claimed_at: datetime, clock: ServerClock) -> bool | None:
    """Test an event's claim that the access was withdrawn, and record it if true; False if there was nothing to test.

    None if the source has no own method, so that a call has to show it.
    """
    return cast("bool | None", _asked(name, "examine_claim", settings, claimed_at, clock))


def primed_clock(settings: Settings) -> ServerClock:
    """The system clock, corrected by the server time in a budget's ledger, from the last process that saw an answer."""
    return cast(ServerClock, _asked(STRAVA, "primed_clock", settings))


def log_in(name: str, settings: Settings, request: LoginRequest) -> None:
    """Log in to the provider `name`, and save the login. Raises PipelineError; MisuseError if its login is a setting."""
    module = _module(name)
    login = getattr(module, "login_by_key" if request.by_key else "login", None)
    if login is None and request.by_key:
        raise MisuseError(f"--key is not a way to log in to {spec_of(name).title}; leave it out.")
    if login is None:
        raise MisuseError(f"The login of {name} is a setting: there is nothing to log in with.")
    login(settings, machine_clock(settings.clock_speed), request)


def login_settings(name: str, settings: Settings) -> Sequence[str]:
    """The names of the settings that are the login of the provider `name`; empty if `log_in` gets it."""
    if _asked(name, "is_application_set", settings):
        return ()
    return cast("Sequence[str]", getattr(_module(name), "LOGIN_SETTINGS", ()))


def takes_key(name: str) -> bool:
    """Whether a person can log in to the source `name` by a key that `log_in` asks for."""
    return hasattr(_module(name), "login_by_key")


def login_command(name: str, settings: Settings) -> str:
    """The command by which a person logs in to the source `name`: in the way in use, and by key where none is."""
    kept, by_key = kept_login(name, settings), False
    with suppress(UnusableSourceError):
        by_key = takes_key(name) if kept is None else kept.by_key
    return spec_of(name).command("login") + " --key" * by_key


def application_settings(name: str) -> Sequence[str]:
    """The names of the settings of a user's application, if a login to the source `name` needs one."""
    return cast("Sequence[str]", getattr(_module(name), "APPLICATION_SETTINGS", ()))


def missing_login(name: str, settings: Settings) -> str | None:
    """Why the provider `name` can't be asked with these settings, or None. Nothing is sent."""
    try:
        if hasattr(_module(name), "login_problem"):
            return cast("str | None", _asked(name, "login_problem", settings))
        connect(name, settings, machine_clock(settings.clock_speed))
    except PipelineError as error:  # also a login that is damaged, and a client that can't be imported
        return str(error)
    return None


def access_problem(name: str, settings: Settings) -> str | None:
    """Why the source `name` may not be asked, for a person; fewer reasons than `missing_login` if a run should rather
    try the login.
    """
    has_own = hasattr(_module(name), "access_problem")
    return cast("str | None", _asked(name, "access_problem", settings)) if has_own else missing_login(name, settings)


def write_problem(name: str, settings: Settings) -> str | None:
    """Why nothing can be changed at the source `name`, for a person; None if possible or unknown."""
    return cast("str | None", _asked(name, "write_problem", settings))


def assumptions(name: str, settings: Settings) -> Sequence[str]:
    """The provider's assumptions under these settings, for a person: a phrase each. Nothing is sent."""
    return cast("Sequence[str]", _asked(name, "assumptions", settings) or ())


def kept_login(name: str, settings: Settings) -> KeptLogin | None:
    """The kind of login to the provider `name`, or None if the provider has only one kind. Nothing is sent."""
    return cast("KeptLogin | None", _asked(name, "kept_login", settings))


def login_facts(name: str, settings: Settings) -> Sequence[Fact]:
    """Facts about the login to the source `name` beyond `missing_login` and `kept_login`."""
    return cast("Sequence[Fact]", _asked(name, "login_facts", settings) or ())


def offered(name: str, settings: Settings) -> ProviderSpec:
    """The offers of the provider `name` to the login of the settings; without a login, its record. Nothing is sent."""
    try:
        return connect(name, settings, machine_clock(settings.clock_speed)).spec
    except PipelineError:
        return spec_of(name)


def login_files(name: str, settings: Settings) -> Sequence[Path]:
    """The files of the login of the provider `name`, and of its withdrawal; empty if the login is a setting."""
    with reading_folder(settings.athlete_folder):
        files = cast("Sequence[Path]", _module(name).login_files(settings))
    noted = revocation_file(settings, name)
    return [*files, noted] if noted.exists() else files


def login_traces(settings: Settings, names: Sequence[str] | None = None) -> list[Path]:
    """All files of the logins of the sources `names`; None for every source, enabled or not."""
    found = (path for name in names or sources() for path in login_files(name, settings))
    return [trace for path in found for trace in sorted(traces_of(path))]


def forget_logins(settings: Settings, names: Sequence[str] | None = None) -> None:
    """Delete `login_traces`."""
    for name in names or sources():
        _asked(name, "forget", settings)
    for path in login_traces(settings, names):
        path.unlink(missing_ok=True)
