"""The commands `dashboard account …`: the accounts of the dashboard of several athletes, their roles and their athletes.

Passwords are asked for at the terminal, never given as an argument.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from strava_pipeline.verbs.dashboard_extra import check_extra
from strava_pipeline.verbs.options import command_group
from strava_pipeline.verbs.output import echo, new_password

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.serve.dashboard.records.accounts import Accounts

app = command_group("Accounts of the dashboard of several athletes.")
Name = Annotated[str, typer.Argument(help="The account.", parser=str.lower)]
For = Annotated[str | None, typer.Option("--for", metavar="ATHLETE", help="Whose pages the account sees.")]


@app.command()
def add(
    name: Name, for_: For = None, admin: Annotated[bool, typer.Option("--admin", help="An admin's account.")] = False
) -> None:
    """Add an account that can log in at once; its password is asked for twice."""
    with _accounts() as (settings, accounts):
        from strava_pipeline.core.errors import MisuseError
        from strava_pipeline.serve.dashboard.records.accounts import usable_name
        from strava_pipeline.serve.dashboard.records.store import Account, Role
        from strava_pipeline.serve.dashboard.site import system_now

        usable = usable_name(name)
        if usable is None:
            raise MisuseError(f"{name} is no name of an account. Use 1 to 32 of a-z, 0-9, - and _.")
        athlete = _athlete(settings, for_)
        if athlete is None and not admin:
            raise MisuseError("Say whose pages the account sees (--for ATHLETE), or --admin for an admin's.")
        if accounts.account(usable) is not None:
            raise MisuseError(f"There is an account {usable} already. A new password: dashboard account reset {usable}")
        role: Role = "admin" if admin else "athlete"
        accounts.add(Account(usable, role, athlete, argon2=_new_password()), system_now())
    echo(f"{usable} can log in.")


@app.command(name="list")
def list_() -> None:
    """List all accounts: name, role, athlete, and who is blocked."""
    with _accounts() as (_, accounts):
        found = accounts.accounts()
    if not found:
        echo("There is no account yet. Add an admin: strava-pipeline dashboard account add NAME --admin", err=True)
    for one in found:
        echo(f"{one.name}\t{one.role}\t{one.athlete or '-'}\t{'blocked' if one.blocked else 'can log in'}")


@app.command(name="let-in")
def let_in(name: Name, for_: For = None) -> None:
    """Let an account in that was blocked."""
    with _accounts() as (settings, accounts):
        chosen = {} if for_ is None else {"athlete": _athlete(settings, for_)}
        accounts.change(name, blocked=False, **chosen)
    echo(f"{name} can log in.")


@app.command()
def block(name: Name) -> None:
    """Block an account, and log it out everywhere."""
    with _accounts() as (_, accounts):
        accounts.change(name, blocked=True)
    echo(f"{name} is logged out everywhere and can't log in.")


@app.command()
def reset(name: Name) -> None:
    """Set a new password, asked for twice, and log the account out everywhere."""
    with _accounts() as (_, accounts):
        accounts.known(name)
        accounts.change(name, argon2=_new_password())
    echo(f"{name} is logged out everywhere and logs in with the new password.")


@app.command()
def role(name: Name, role: Annotated[Literal["athlete", "admin"], typer.Argument(help="The new role.")]) -> None:
    """Make an account an admin's or an athlete's, and log it out everywhere."""
    with _accounts() as (_, accounts):
        accounts.change(name, role=role)
    echo(f"{name} has the role {role} and has to log in again.")


@app.command()
def remove(name: Name) -> None:
    """Remove an account, and log it out everywhere. The athlete's data stay."""
    with _accounts() as (_, accounts):
        accounts.remove(name)
    echo(f"The account {name} is removed.")


def begin_house(settings: "Settings", url: str, *, opens: bool) -> None:
    """The messages of the dashboard of all athletes once it listens. Raises as the records do."""
    with _records(settings) as accounts:
        has_admin = any(each.is_admin and not each.blocked for each in accounts.accounts())
    echo(f"Dashboard of all athletes: {url} (log in with your account; Ctrl-C stops it)", err=True)
    if not has_admin:
        echo("There is no admin yet. In another terminal: strava-pipeline dashboard account add NAME --admin", err=True)
    if opens:
        typer.launch(url)


def forget_athlete(settings: "Settings", name: str) -> Iterator[str]:
    """Block the accounts of an athlete who leaves the registry of the house, or of a name that may have belonged to
    somebody else.
    """
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.serve.house_settings import settings_of_all

    house = settings_of_all(settings)
    if house.database_url is None and not Lake(house.data_dir).app_records.exists():
        return  # there never were accounts
    check_extra()
    with _records(house) as accounts:
        for one in accounts.accounts():
            if one.athlete == name:
                accounts.change(one.name, athlete=None, blocked=one.blocked or not one.is_admin)
                yield f"The account {one.name} sees nobody's pages any more{'' if one.is_admin else ', and is blocked'}."


@contextmanager
def _accounts() -> Iterator[tuple["Settings", "Accounts"]]:
    """The house's settings, and its accounts. Raises MisuseError without a house."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.serve.house_settings import house_settings

    check_extra()
    settings = house_settings(Settings.load())
    if settings is None:
        raise MisuseError(
            "The dashboard has accounts where ATHLETES_DIR has two athletes or more, and here it has not. Add them with "
            "`strava-pipeline athletes add NAME`, and type this without --athlete: accounts are the house's, and whose pages one "
            "sees is said by --for."
        )
    with _records(settings) as accounts:
        yield settings, accounts


@contextmanager
def _records(settings: "Settings") -> Iterator["Accounts"]:
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.serve.dashboard.records.accounts import Accounts
    from strava_pipeline.serve.dashboard.records.database import connect, database_of, migrate

    url = database_of(settings)
    migrate(url, Lake(settings.data_dir).state)
    with closing(Accounts(connect(url))) as accounts:
        yield accounts


def _athlete(settings: "Settings", name: str | None) -> str | None:
    from strava_pipeline.environment.athletes import athlete_named

    return None if name is None else athlete_named(settings, name).name


def _new_password() -> str:
    """The hash of a password that is asked for."""
    from strava_pipeline.serve.dashboard.passwords import hash_of_password

    return hash_of_password(new_password())
