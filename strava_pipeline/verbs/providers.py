"""The command `providers`: the services besides Strava, how they stand, the login of each, and pulling from them.

What is known of a provider is operations/provider_access.py's, the registry of providers ingest/registry.py's; the runs of
`pull` are provider_pulls.py's.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import (
    HELP,
    AllowShrink,
    AsJson,
    Days,
    Json,
    PerPage,
    Verbose,
    command_group,
)
from strava_pipeline.verbs.output import ask, echo
from strava_pipeline.verbs.views import show

if TYPE_CHECKING:
    from datetime import datetime

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.provider import LoginRequest, Provider

providers = command_group("Services besides Strava: list, status, login, pull, gear, check.")
PORT = 8721  # as of `auth`
Name = Annotated[str, typer.Argument(help="The service, as in providers.toml.", show_default=False)]


@providers.command("list")
def list_(as_json: Json = False) -> None:
    """List the services that this version knows: which are enabled, whether their login is there, what they give."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.provider_access import possible_providers

    found = possible_providers(Settings.load())
    show({"providers": found}, as_json=as_json, nothing="None: this version knows no service besides Strava.")


@providers.command()
def status(as_json: Json = False) -> None:
    """Show how each source stands: its login, lists, limits and faults."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.operations.facts import facts
    from strava_pipeline.verbs.status import print_facts

    settings = Settings.load()
    found = facts(settings, primed_clock(settings).now(), ["services"])
    print_facts(found, as_json=as_json)


@providers.command()
def check(
    name: Name,
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file.", dir_okay=False)] = None,
) -> None:
    """Show what a service's lists look like, for the maintainers of this program: fields, types and counts, no value."""
    import json

    from strava_pipeline.core.providers import spec_of
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.registry import provider_name
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.shapes import shape_report
    from strava_pipeline.verbs.output import write_private

    own_name = name if name == STRAVA else provider_name(name)
    report = shape_report(Lake(Settings.load().data_dir), own_name)
    words = {
        key: len(found) for key, found in report.items() if key.startswith("unmapped_")
    }  # may be the athlete's own
    text = json.dumps({"source": own_name, **report, **words}, indent=1)
    if out is None:
        echo(text)
        return
    write_private(out, [f"{text}\n".encode()])
    echo(
        f"{out} says what {counted(report['rows'], 'row')} of {spec_of(own_name).title} look like, and holds no value of them."
    )


@providers.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Services; none: all enabled ones.", show_default=False),
    ] = None,
    month: Annotated[str | None, typer.Option("--month", help="All of a month: 2026-10.")] = None,
    years: Annotated[list[str] | None, typer.Option("--years", help=f"All of each year. {HELP}")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything, from the first activity on.")] = False,
    allow_shrink: AllowShrink = False,
    per_page: PerPage = None,
    days: Days = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Pull what is new at services; or a month, years, everything. Merge it, fetch files, publish."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.provider_pulls import exit_code, pull_and_report, wanted

    settings = Settings.load()
    more = [name for name in names or [] if set(name) <= set("0123456789-,")]  # --years 2023 2024
    if more and not years:
        raise typer.BadParameter(f"{more[0]} is no service; years go with --years", param_hint="NAME")
    wants = wanted(
        settings, month=month, years=[*(years or []), *more], everything=everything, per_page=per_page, days=days
    )
    chosen = [name for name in names or [] if name not in more]
    found = pull_and_report(settings, chosen, wants, allow_shrink=allow_shrink, as_json=as_json, verbose=verbose)
    if code := exit_code(found.values()):
        raise typer.Exit(code)


@providers.command()
def gear(
    link: Annotated[
        bool, typer.Option("--link", help="Write links of gear with equal names into providers.toml, after a question.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show bikes and shoes of Strava and all enabled services side by side, and which of them are linked."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.changing_settings import gear_of
    from strava_pipeline.verbs.provider_gear import gear_json, link_gear

    if link and as_json:
        raise MisuseError("--link asks a person, and --json is for programs; choose one.")
    settings = Settings.load()
    items = gear_of(settings)
    if link:
        link_gear(settings, items)
        return
    advice = ["`strava-pipeline providers gear --link` writes the proposed links."]
    advice = advice if any(item.proposed for item in items) else []
    show(gear_json(items), as_json=as_json, nothing="No service shows any gear.", advice=advice)


@providers.command()
def login(
    name: Name,
    tokens: Annotated[
        Path | None, typer.Option("--tokens", help="A file with a login that another program got.", dir_okay=False)
    ] = None,
    key: Annotated[
        bool, typer.Option("--key", help="Log in by a key of the service's API: asked for, or from standard input.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Ask the service whether it accepts the login.")] = False,
    code: Annotated[
        str | None, typer.Option(help="Log in with this code, or the address the service sent you to; no prompt.")
    ] = None,
    listen: Annotated[bool, typer.Option("--listen", help="Catch the service's redirect on this machine.")] = False,
    port: Annotated[
        int | None, typer.Argument(min=1, max=65535, help="With --listen: the port to catch it on (8721).")
    ] = None,
) -> None:
    """Log in to a service; where its login is a setting, show which, and whether it is set."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.providers import spec_of
    from strava_pipeline.environment.settings import Settings, env_file
    from strava_pipeline.ingest.clock import machine_clock
    from strava_pipeline.ingest.providers_file import enabled_providers
    from strava_pipeline.ingest.registry import connect, log_in, login_files, login_settings
    from strava_pipeline.verbs.provider_pulls import own_name

    if (code is not None and listen) or (port is not None and not listen):
        raise MisuseError("--code and --listen are two ways to log in; choose one. A port goes with --listen.")
    if key and (tokens is not None or code is not None or listen):
        raise MisuseError("--key is a way to log in of its own; leave --tokens, --code and --listen out.")
    settings, name = Settings.load(), own_name(name)
    title, clock = spec_of(name).title, machine_clock(settings.clock_speed)
    if not key and (names := login_settings(name, settings)):
        listed = " and ".join(names)
        if code is not None or listen:
            raise MisuseError(f"The login of {title} is in settings ({listed}); no page of the service is shown.")
        if tokens is not None:
            raise MisuseError(f"The login of {title} is in settings ({listed}), so there is no file of tokens.")
        connect(name, settings, clock)
        state = "It is usable." if len(names) == 1 else "They are usable."
        echo(f"The login of {title} is in settings: {listed}, from the environment or {env_file()}. {state}")
    else:
        consent = {"code": code, "listen": (port or PORT) if listen else None}
        log_in(name, settings, login_request(tokens, by_key=key, **permissions(settings, name), **consent))
        note_login(settings, name)
        echo(f"Logged in to {title}; the login is kept in {' and '.join(map(str, login_files(name, settings)))}.")
    if check:
        check_login(connect(name, settings, clock, lambda why, seconds: echo(why, err=True)), clock.now())
    if name not in enabled_providers(settings):
        _print_how_to_enable(settings, name, title)


def note_login(settings: "Settings", name: str) -> None:
    """What the service refused to an earlier login is asked for again."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.providers import forget_refusals

    forget_refusals(Lake(settings.data_dir), name)


def check_login(client: "Provider", now: "datetime") -> None:
    """Print the login's owner, once the service has answered."""
    account, title = client.login().account, client.spec.title
    if not client.calls:  # whose login it is stands here; whether it is accepted, only an answer says
        next(client.list_pages(int(now.timestamp()), None, 1), None)
    echo(f"{title} accepts the login." if account is None else f"{title} accepts the login of account {account}.")


def permissions(settings: "Settings", name: str) -> dict[str, bool]:
    """The permissions that the login of a provider needs for what providers.toml allows and wants."""
    from strava_pipeline.ingest.providers_file import providers_file

    file = providers_file(settings.providers_config)
    choice = file.providers.get(name)
    writes = bool(choice and choice.write)
    reads_days = bool(choice and choice.wellness)
    return {"writes": writes, "creates_gear": writes and file.changes.create_gear, "reads_days": reads_days}


def login_request(tokens: Path | None, *, by_key: bool, **more: Any) -> "LoginRequest":
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.ingest.provider import LoginRequest

    if tokens is not None and not tokens.is_file():
        raise MisuseError(f"{tokens} is no file.")
    is_piped = by_key and not sys.stdin.isatty()  # a key that another program gives: one line, and one for its end
    return LoginRequest(
        tokens=tokens,
        ask=lambda question: sys.stdin.readline() if is_piped else _prompt(question, is_optional=by_key),
        ask_secret=lambda question: sys.stdin.readline() if is_piped else _prompt(question, hide_input=True),
        say=lambda text: echo(text, err=True),
        by_key=by_key,
        asks_again=not is_piped,
        **more,
    )


def _prompt(question: str, *, is_optional: bool = False, **options: Any) -> str:
    if is_optional:
        options |= {"default": "", "show_default": False}
    return str(ask(question, err=True, **options))


def _print_how_to_enable(settings: "Settings", name: str, title: str) -> None:
    echo(f"{title} is not enabled yet. Put these lines into {settings.providers_config}:")
    echo(f"\n[providers.{name}]\nenabled = true\n")
