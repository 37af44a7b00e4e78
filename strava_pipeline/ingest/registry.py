"""Which providers there are: the folders of this room with a `record.py`, and what other packages bring. Nothing names one.

A provider NAME is a folder: `record.py` (core/providers.py), `client.py`, and the pages of its `emulator`; or a package with the
same modules (core/source_packages.py). A module is imported when it is used, so a provider that nobody enabled costs nothing.
`client.py` has

- `connect(settings, clock, on_wait) -> Provider`, which sends nothing;
- `login_files(settings) -> Sequence[Path]`, where the login is kept; empty where the login is a setting;
- either `login(settings, clock, request) -> None`, which logs a person in by what a `LoginRequest` gives, saves the
  login, and raises PipelineError where that fails; or `LOGIN_SETTINGS`, the names of the settings that are the login.
  Where both ways are possible, `is_application_set(settings) -> bool` chooses the first one;
- where there are several ways, or a login has an end, `kept_login(settings) -> KeptLogin | None`, which says which it is;
- where its file must not go while another process holds it, `forget(settings) -> None`, which deletes it;
- where a login that is there may not be usable, `login_problem(settings) -> str | None`, which says why;
- where a login may be found elsewhere, `login_health(settings) -> Sequence[Finding]`, for `doctor`;
- where a person may also log in by a key that the service gave them, `login_by_key`, with the arguments of `login`.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from strava_pipeline import ingest
from strava_pipeline.core.errors import Finding, MisuseError, PipelineError
from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.core.source_packages import UnusableSourceError, import_part, source_names
from strava_pipeline.core.sources import SOURCES, STRAVA
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.login_file import traces_of
from strava_pipeline.ingest.provider import HookedProvider, KeptLogin, LoginRequest, OnWait, Provider
from strava_pipeline.ingest.revocation import refuse_revoked, revocation_file
from strava_pipeline.settings import Settings

PROVIDERS: dict[str, str] = {
    folder.parent.name: f"{ingest.__name__}.{folder.parent.name}.client"
    for place in ingest.__path__
    for folder in sorted(Path(place).glob("*/record.py"))
    if folder.parent.name != STRAVA
}
"""The module of each of our own providers, by name, as the folders here say. Strava, with its budget, is connected by itself; the
parts about its login, in its login.py, are asked for as every provider's."""

ALIASES: dict[str, str] = {"intervalsicu": "intervals_icu"}
"""Other names that a person may type for a provider, in commands and in providers.toml, and its own name."""


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
    """The provider's own name where a person typed it, or another name of it. Raises UnknownProviderError."""
    name = ALIASES.get(typed, typed)
    if not is_provider(name):
        raise UnknownProviderError(typed)
    return name


def _module(name: str) -> ModuleType:
    module = import_part(name, "login" if name in SOURCES else "client")
    if module is None:
        raise UnknownProviderError(name)
    return module


def connect(name: str, settings: Settings, clock: ServerClock, on_wait: OnWait = lambda why, seconds: None) -> Provider:
    """A client of the provider `name` with the login of the settings; nothing is sent yet.

    `on_wait` is informed of each pause that the service asks for.

    Raises PipelineError where no provider has that name or its login can't be used, NeedsLoginError or
    MissingSettingsError where its login is missing, NeedsLoginError where it was withdrawn.
    """
    if not is_provider(name):
        raise UnknownProviderError(name)
    client = cast(Provider, _module(name).connect(settings, clock, on_wait))
    if client.spec.webhooks is not None:
        refuse_revoked(settings, name, cast(HookedProvider, client).login_digest, client.spec.title)
    return client


def log_in(name: str, settings: Settings, request: LoginRequest) -> None:
    """Log in to the provider `name`, and save the login. Raises PipelineError; MisuseError where its login is a setting."""
    module = _module(name)
    login = getattr(module, "login_by_key" if request.by_key else "login", None)
    if login is None and request.by_key:
        raise MisuseError(f"--key is not a way to log in to {spec_of(name).title}; leave it out.")
    if login is None:
        raise MisuseError(f"The login of {name} is a setting: there is nothing to log in with.")
    login(settings, machine_clock(settings.clock_speed), request)


def login_settings(name: str, settings: Settings) -> Sequence[str]:
    """The names of the settings that are the login of the provider `name`; none, where `log_in` gets it."""
    is_application_set = getattr(_module(name), "is_application_set", None)
    if is_application_set is not None and is_application_set(settings):
        return ()
    return cast("Sequence[str]", getattr(_module(name), "LOGIN_SETTINGS", ()))


def missing_login(name: str, settings: Settings) -> str | None:
    """Why the provider `name` can't be asked with these settings; None: its login is there. Nothing is sent."""
    try:
        login_problem = getattr(_module(name), "login_problem", None)
        if login_problem is not None:
            return cast("str | None", login_problem(settings))
        connect(name, settings, machine_clock(settings.clock_speed))
    except PipelineError as error:  # also a login that is damaged, and a client that can't be imported
        return str(error)
    return None


def assumptions(name: str, settings: Settings) -> Sequence[str]:
    """What the provider `name` assumes by these settings, for a person: a phrase each. Nothing is sent."""
    return cast("Sequence[str]", _optional(name, "assumptions", settings) or ())


def kept_login(name: str, settings: Settings) -> KeptLogin | None:
    """How the login to the provider `name` is made; None: the provider has only one way. Nothing is sent."""
    return cast("KeptLogin | None", _optional(name, "kept_login", settings))


def login_health(name: str, settings: Settings) -> Sequence[Finding]:
    """What `doctor` finds of the login to the provider `name`, beside whether it is there. Nothing is sent."""
    return cast("Sequence[Finding]", _optional(name, "login_health", settings) or ())


def _optional(name: str, function: str, settings: Settings) -> Any:
    """What a function of the client returns; None without one, and where no client can be imported: `missing_login` says why."""
    try:
        found = getattr(_module(name), function, None)
    except UnusableSourceError:
        return None
    return None if found is None else found(settings)


def offered(name: str, settings: Settings) -> ProviderSpec:
    """What the provider `name` offers to the login of the settings; without one, its record. Nothing is sent."""
    try:
        return connect(name, settings, machine_clock(settings.clock_speed)).spec
    except PipelineError:
        return spec_of(name)


def login_files(name: str, settings: Settings) -> Sequence[Path]:
    """Where the provider `name` keeps its login, and that it was withdrawn; nowhere, where the login is a setting."""
    files = cast("Sequence[Path]", _module(name).login_files(settings))
    noted = revocation_file(settings, name)
    return [*files, noted] if noted.exists() else files


def login_traces(settings: Settings, names: Sequence[str] | None = None) -> list[Path]:
    """All that is on disk of the logins of the sources `names`; None: of every source, enabled or not."""
    found = (path for name in names or [STRAVA, *provider_names()] for path in login_files(name, settings))
    return [trace for path in found for trace in sorted(traces_of(path))]


def forget_logins(settings: Settings, names: Sequence[str] | None = None) -> None:
    """Delete `login_traces`."""
    for name in names or [STRAVA, *provider_names()]:
        if (forget := getattr(_module(name), "forget", None)) is not None:
            forget(settings)
    for path in login_traces(settings, names):
        path.unlink(missing_ok=True)
