"""The command `dashboard account`: who may log in to the dashboard of several athletes, as what, and whose pages they see.

Passwords are asked for at the terminal, never given as an argument. The page `/admin` blocks accounts and lets them in.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from strava_pipeline.verbs.dashboard_extra import check_extra
from strava_pipeline.verbs.output import echo, new_password

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.serve.dashboard.records.accounts import Accounts
    from strava_pipeline.serve.dashboard.records.store import Role


def account(
    name: Annotated[
        str | None, typer.Argument(help="The account; none: list all.", parser=str.lower, show_default=False)
    ] = None,
    for_: Annotated[str | None, typer.Option("--for", metavar="ATHLETE", help="Whose pages the account sees.")] = None,
    role: Annotated[Literal["athlete", "admin"] | None, typer.Option(help="What the account may do.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the account. The athlete's data stay.")] = False,
) -> None:
    """List all accounts; or add one, change it, or remove it. Its password is asked for twice.

    An account that is there gets the athlete and role that are named, or a new password where none is; it is logged out
    everywhere. The dashboard's page /admin blocks accounts, and lets them in again.
    """
    with _accounts() as (settings, accounts):
        if name is None:
            _list(accounts)
        elif remove:
            accounts.remove(name)
            echo(f"The account {name} is removed.")
        elif (account := accounts.account(name)) is None:
            _add(settings, accounts, name, role or "athlete", for_)
        else:
            wanted = {"role": role, "athlete": _athlete(settings, for_)}
            changed = {field: value for field, value in wanted.items() if value is not None}
            accounts.change(name, **(changed or {"argon2": _new_password()}))
            blocked = ", but is blocked: an admin lets it in at /admin" if account.blocked else ""
            echo(f"{name} is changed, and has to log in again{blocked}.")


def _add(settings: "Settings", accounts: "Accounts", name: str, role: "Role", for_: str | None) -> None:
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.serve.dashboard.records.accounts import usable_name
    from strava_pipeline.serve.dashboard.records.store import Account
    from strava_pipeline.serve.dashboard.site import system_now

    usable = usable_name(name)
    if usable is None:
        raise MisuseError(f"{name} is no name of an account. Use 1 to 32 of a-z, 0-9, - and _.")
    athlete = _athlete(settings, for_)
    if athlete is None and role != "admin":
        raise MisuseError(
            f"There is no account {usable}. To add it, say whose pages it sees (--for ATHLETE), or --role admin."
        )
    accounts.add(Account(usable, role, athlete, argon2=_new_password()), system_now())
    echo(f"{usable} can log in.")


def _list(accounts: "Accounts") -> None:
    """Name, role, athlete, and who is blocked."""
    found = accounts.accounts()
    if not found:
        echo("There is no account yet. Add an admin: strava-pipeline dashboard account NAME --role admin", err=True)
    for one in found:
        echo(f"{one.name}\t{one.role}\t{one.athlete or '-'}\t{'blocked' if one.blocked else 'can log in'}")


def begin_house(settings: "Settings", url: str, *, opens: bool) -> None:
    """The messages of the dashboard of all athletes once it listens. Raises as the records do."""
    with _records(settings) as accounts:
        has_admin = any(each.is_admin and not each.blocked for each in accounts.accounts())
    echo(f"Dashboard of all athletes: {url} (log in with your account; Ctrl-C stops it)", err=True)
    if not has_admin:
        echo(
            "There is no admin yet. In another terminal: strava-pipeline dashboard account NAME --role admin", err=True
        )
    if opens:
        typer.launch(url)


def forget_athlete(settings: "Settings", name: str) -> Iterator[str]:
    """Block the accounts, and remove the tokens, of an athlete who leaves the registry of the house, or of a name that may
    have belonged to somebody else.
    """
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.serve.house_settings import settings_of_all

    house = settings_of_all(settings)
    if house.database_url is None and not Lake(house.data_dir).app_records.exists():
        return  # there never were accounts
    check_extra()
    with _records(house) as accounts:
        accounts.remove_tokens(name)
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


def _records(settings: "Settings") -> AbstractContextManager["Accounts"]:
    from strava_pipeline.serve.dashboard.records.accounts import Accounts
    from strava_pipeline.serve.dashboard.records.database import opened

    return opened(settings, Accounts)


def _athlete(settings: "Settings", name: str | None) -> str | None:
    from strava_pipeline.environment.athletes import athlete_named

    return None if name is None else athlete_named(settings, name).name


def _new_password() -> str:
    """The hash of a password that is asked for."""
    from strava_pipeline.serve.dashboard.passwords import hash_of_password

    return hash_of_password(new_password())
