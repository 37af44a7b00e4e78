"""The command `providers`: the services beside Strava, and the login of each.

What is known of a provider is operations/provider_access.py's, the registry of providers ingest/registry.py's.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.output import echo, echo_json

if TYPE_CHECKING:
    from strava_pipeline.ingest.provider import LoginRequest
    from strava_pipeline.settings import Settings

providers = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Services besides Strava: list them, log in to one."
)
OneObject = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Name = Annotated[str, typer.Argument(help="The service, as in providers.toml.", show_default=False)]


@providers.command("list")
def list_(as_json: OneObject = False) -> None:
    """List the services that this version knows: which are enabled, whether their login is there, what they give."""
    from rich.table import Table

    from strava_pipeline.operations.provider_access import possible_providers
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import out

    found = possible_providers(Settings.load())
    if as_json:
        echo_json({"providers": {name: asdict(one) for name, one in found.items()}})
        return
    if not found:
        out.print("None: this version knows no service besides Strava.")
        return
    table = Table("name", "service", "enabled", "login", "priority", "gives", box=None)
    for name, one in found.items():
        gives = ", ".join(["activities", *(each for each in ("files",) if each in one.capabilities), *one.kinds])
        problem = "there" if one.login_problem is None else one.login_problem
        table.add_row(name, one.title, "yes" if one.enabled else "no", problem, str(one.priority), gives)
    out.print(table)


@providers.command()
def login(
    name: Name,
    tokens: Annotated[
        Path | None, typer.Option("--tokens", help="A file with a login that another program got.", dir_okay=False)
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Ask the service whether it accepts the login.")] = False,
) -> None:
    """Log in to a service; where its login is a setting, show which, and whether it is set."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.providers import spec_of
    from strava_pipeline.ingest.clock import machine_clock
    from strava_pipeline.ingest.providers_file import enabled_providers
    from strava_pipeline.ingest.registry import connect, log_in, login_files, login_settings
    from strava_pipeline.settings import Settings, env_file

    settings = Settings.load()
    name = _own_name(name)
    title, clock = spec_of(name).title, machine_clock(settings.clock_speed)
    if names := login_settings(name):
        listed = " and ".join(names)
        if tokens is not None:
            raise MisuseError(f"The login of {title} is in settings ({listed}), so there is no file of tokens.")
        connect(name, settings, clock)
        echo(f"The login of {title} is in settings: {listed}, from the environment or {env_file()}. They are usable.")
    else:
        log_in(name, settings, _request(tokens))
        places = " and ".join(map(str, login_files(name, settings)))
        echo(f"Logged in to {title}; the login is kept in {places}.")
    if check:
        account = connect(name, settings, clock, lambda why, seconds: echo(why, err=True)).login().account
        echo(f"{title} accepts the login." if account is None else f"{title} accepts the login of account {account}.")
    if name not in enabled_providers(settings):
        _print_how_to_enable(settings, name, title)


def _own_name(typed: str) -> str:
    """The provider's own name. Raises MisuseError for Strava, whose commands are others, and for unknown names."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.ingest.registry import provider_name

    if typed == STRAVA:
        raise MisuseError(
            "Strava has commands of its own: `strava-pipeline auth` logs in, `strava-pipeline flow` pulls."
        )
    return provider_name(typed)


def _request(tokens: Path | None) -> "LoginRequest":
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.ingest.provider import LoginRequest

    if tokens is not None and not tokens.is_file():
        raise MisuseError(f"{tokens} is no file.")
    return LoginRequest(
        tokens=tokens,
        ask=lambda question: str(typer.prompt(question, err=True)),
        ask_secret=lambda question: str(typer.prompt(question, hide_input=True, err=True)),
        say=lambda text: echo(text, err=True),
    )


def _print_how_to_enable(settings: "Settings", name: str, title: str) -> None:
    echo(f"{title} is not enabled yet. Put these lines into {settings.providers_config}:")
    echo(f"\n[providers.{name}]\nenabled = true\n")
