"""The command `start`: three questions, and the first activities are here. Run again, it changes only what it is told.

The questions and the order of the steps are here. Logging in is done by providers.py and auth.py, importing by import_.py,
pulling by provider_pulls.py and pipeline.py. Files of settings are changed by setting_files.py and ingest/service_tables.py.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from strava_pipeline.core.errors import (
    MissingSettingsError,
    MisuseError,
    NeedsLoginError,
    PipelineError,
    TransientError,
    WrongApplicationError,
)
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA, UnusableSourceError
from strava_pipeline.core.text import counted
from strava_pipeline.verbs.output import ask, confirm, echo, short_path

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

T = TypeVar("T")
DATA_DIR = "STRAVA_DATA_DIR"
INTERRUPTED = 130  # a shell's code for Ctrl-C
NONE = "none"
STOPPED = 3  # the code where a limit ended the work


def start(
    service: Annotated[
        str | None,
        typer.Option("--service", metavar="NAME", help="The service, such as garmin, or none."),
    ] = None,
    archive: Annotated[
        str | None, typer.Option("--archive", metavar="PATH", help="An archive or a folder of files, to be imported.")
    ] = None,
    data_dir: Annotated[
        str | None, typer.Option("--data-dir", metavar="FOLDER", help="Where everything is kept (STRAVA_DATA_DIR).")
    ] = None,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Fetch no activities yet.")] = False,
) -> None:
    """Three questions: which service, is there an archive, where to keep it. Then log in, import, and fetch the activities.

    It can be run again: what you leave empty stays as it is. Without a terminal, a key is read from standard input, a line each.
    """
    if not sys.stdin.isatty() and service is None and archive is None:
        raise MisuseError(
            "There is no terminal to ask you at. Name the answers: --service NAME (or none), --archive PATH, --data-dir FOLDER; "
            "a key that the service needs is read from standard input."
        )
    try:
        code = _start(service, archive, data_dir, no_pull=no_pull)
    except typer.Abort:  # Ctrl-C at a question
        raise SystemExit(INTERRUPTED) from None
    if code:
        raise typer.Exit(code)


def _start(service: str | None, archive: str | None, data_dir: str | None, *, no_pull: bool) -> int:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.providers_file import used_sources
    from strava_pipeline.verbs.start_zone import ask_zone

    settings = Settings.load()
    used = used_sources(settings)
    shown = _shown_sources()
    if service is None:
        _show_sources(shown)
    chosen = _answered(service, f"Number or name (Enter: {_titles(used)})", lambda text: _chosen(text, shown, used))
    path = _answered(
        archive,
        "Archive of Strava or Garmin, or a folder of files (Enter: none)",
        lambda text: _archive(settings, text),
    )
    folder = _answered(
        data_dir,
        f"Where to keep everything (Enter: {short_path(settings.data_dir)})",
        lambda text: _folder(settings, text),
    )
    if folder is not None:
        with _settings_set({DATA_DIR: folder}) as settings:
            _say(f"Everything is kept in {settings.data_dir}.")
    for name in chosen:
        _log_in_until_right(name, is_new=chosen is not used)
        _enable(Settings.load(), name)
    codes = [_import(path)] if path is not None else []
    if not no_pull:
        codes += _pull(Settings.load(), chosen)
    code = next((code for code in codes if code), 0)
    if code in (0, STOPPED):
        ask_zone(Settings.load(), _answered)
        _end(Settings.load(), chosen, is_empty=no_pull or not (chosen or path))
    return code


def _shown_sources() -> list[str]:
    """The sources to choose by number, without those that read a person's own file: the best first, then those that
    need an application.
    """
    from strava_pipeline.ingest.registry import application_settings, sources

    ranks: dict[str, tuple[bool, int]] = {}
    for name in sources():
        try:
            spec, needs_application = spec_of(name), bool(application_settings(name))
        except UnusableSourceError:  # `providers list` says why
            continue
        if "whole" not in spec.capabilities:
            ranks[name] = needs_application, spec.precedence
    return sorted(ranks, key=lambda name: ranks[name])


def _show_sources(shown: Sequence[str]) -> None:
    _say("Where do your activities come from?")
    for number, name in enumerate(shown, start=1):
        spec = spec_of(name)
        _say(f"  {number}  {spec.title}" + (f": {spec.for_whom}" if spec.for_whom else ""))
    _say("  0  none of these: only an archive or files")


def _titles(names: Sequence[str]) -> str:
    return f"as it is, {' and '.join(spec_of(name).title for name in names)}" if names else NONE


def _chosen(text: str, shown: Sequence[str], used: list[str]) -> list[str]:
    """The sources of a number of the menu or a name, such as `1`, `garmin`, `Garmin Connect` or `intervals`."""
    from strava_pipeline.ingest.registry import sources

    if not text:
        return used
    if text.lower() in ("0", NONE, "none of these", "archive", "files"):
        return []
    if text in map(str, range(1, len(shown) + 1)):
        return [shown[int(text) - 1]]
    typed, names = _letters(text), {name: {_letters(name), _letters(_title(name))} for name in sources()}
    found = [name for name in names if typed in names[name]]
    found = found or [name for name in names if typed and any(each.startswith(typed) for each in names[name])]
    if len(found) != 1:
        raise MisuseError(f"{text} is none of these. Possible: {', '.join(map(_title, shown))}, or {NONE}.")
    return found


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]", "", text).lower()


def _title(name: str) -> str:
    with suppress(UnusableSourceError):
        return spec_of(name).title
    return name


def _archive(settings: "Settings", text: str) -> Path | None:
    from strava_pipeline.verbs.import_ import check_paths

    if not text:
        return None
    path = Path(text.strip("'\"").replace("\\ ", " ")).expanduser()  # a terminal's form of a dragged file
    check_paths(settings, [path])
    return path


def _folder(settings: "Settings", text: str) -> str | None:
    """The folder for `.env`: as it was typed, unless that file is elsewhere; None if it is already set."""
    place = Path(text).expanduser().absolute()
    if not text or place == settings.data_dir:
        return None
    there = next(path for path in (place, *place.parents) if path.exists())
    if not there.is_dir():
        raise MisuseError(f"{there} is a file; name a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise MisuseError(f"This user can't write to {there}; name another folder.")
    if settings.data_dir.exists():
        _say(f"What is in {settings.data_dir} stays there; move it yourself to take it along.")
    return text if settings.athlete_folder is None else str(place)


def _say(text: str) -> None:
    echo(text, err=True)


def _answered(given: str | None, question: str, read: Callable[[str], T]) -> T:
    """The result of `read` for an option, or for a person's input, who is asked again if it raises PipelineError."""
    if given is not None or not sys.stdin.isatty():
        return read((given or "").strip())
    while True:
        try:
            return read(ask(question, default="", show_default=False, err=True).strip())
        except PipelineError as error:
            _say(str(error))


def _log_in_until_right(name: str, *, is_new: bool) -> None:
    is_application_wrong = False
    while True:
        try:
            return _log_in(name, is_new=is_new, is_application_wrong=is_application_wrong)
        except (MisuseError, NeedsLoginError, TransientError) as error:
            if not sys.stdin.isatty():
                raise
            _say(str(error))
            if not confirm("Try again?", default=True, err=True):
                raise typer.Exit(error.exit_code) from None
            is_application_wrong = isinstance(error, WrongApplicationError)


def _log_in(name: str, *, is_new: bool, is_application_wrong: bool) -> None:
    """Log in to a source as `auth` or `providers login` do, unless its login exists and may stay."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.registry import application_settings, log_in, login_settings, missing_login, takes_key
    from strava_pipeline.verbs.auth import auth
    from strava_pipeline.verbs.providers import login_request, note_login, permissions

    settings, spec = Settings.load(), spec_of(name)
    if missing_login(name, settings) is None and not (is_new and _replaces(spec.title)):
        _say(f"{spec.title}: the login that is here stays.")
        return
    _say(f"\n{spec.title}: {spec.login_steps}\nKeys, secrets and passwords are not shown while you type or paste them.")
    if takes_key(name):
        log_in(name, settings, login_request(None, by_key=True))
    elif own := login_settings(name, settings):
        _log_in_by_settings(name, own)
    else:
        own = application_settings(name)
        if missing := [each for each in own if is_application_wrong or not settings.is_set(each)]:
            with _settings_set({each: _typed(each) for each in missing}) as settings:
                pass
        if spec.commands:
            auth()  # it says who is logged in
            return
        log_in(name, settings, login_request(None, by_key=False, **permissions(settings, name)))
    note_login(settings, name)
    _say(f"{spec.title}: logged in.")


def _replaces(title: str) -> bool:
    return sys.stdin.isatty() and confirm(f"A login at {title} is here. Replace it?", default=False, err=True)


def _log_in_by_settings(name: str, variables: Sequence[str]) -> None:
    """Ask for the settings that are the login, and store them once the service accepts them."""
    from strava_pipeline.ingest.clock import machine_clock
    from strava_pipeline.ingest.registry import connect
    from strava_pipeline.verbs.providers import check_login

    with _settings_set({each: _typed(each) for each in variables}) as settings:
        clock = machine_clock(settings.clock_speed)
        check_login(connect(name, settings, clock, lambda why, seconds: _say(why)), clock.now())


def _typed(variable: str) -> str:
    """A person's input for a setting, or a line of standard input."""
    from strava_pipeline.environment.settings import Settings

    words = variable.partition("_")[2].replace("_", " ").capitalize()
    question = re.sub("Api|id$", lambda found: found[0].upper(), words)  # API key, Client ID, Client secret
    if not sys.stdin.isatty():
        text = sys.stdin.readline()
    else:
        hidden = Settings.is_secret(variable)
        text = ask(question, default="", show_default=False, hide_input=hidden, err=True)
    if not text.strip():
        raise MisuseError(f"{question} is needed, and nothing was given.")
    return text.strip()


@contextmanager
def _settings_set(values: Mapping[str, str]) -> Iterator["Settings"]:
    """The settings with these written into `.env`, which is restored if the body fails."""
    from strava_pipeline.environment.setting_files import variables_set
    from strava_pipeline.environment.settings import Settings, env_file

    with variables_set(env_file(), values):
        if fixed := sorted({*values} & {*Settings.unwritten()}):
            raise MissingSettingsError(
                f"{' and '.join(fixed)} is set in the environment, which counts before {env_file()}. "
                "Unset it there, or change it there."
            )
        yield Settings.load()


def _enable(settings: "Settings", name: str) -> None:
    from strava_pipeline.environment.setting_files import replace_file
    from strava_pipeline.ingest.providers_file import enabled_in_file
    from strava_pipeline.ingest.service_tables import with_enabled

    if not spec_of(name).commands and name not in enabled_in_file(settings):
        replace_file(settings.providers_config, *with_enabled(settings.providers_config, name, **_also(settings, name)))
        _say(f"{spec_of(name).title}: enabled in {settings.providers_config}.")


def _also(settings: "Settings", name: str) -> dict[str, bool]:
    """What else of a service a person wants: days and nights, if it has them."""
    from strava_pipeline.ingest.registry import offered

    question = "Days and nights, too: sleep, resting heart rate, weight, steps?"
    has_days = sys.stdin.isatty() and "wellness" in offered(name, settings).kinds
    return {"wellness": True} if has_days and confirm(question, default=False, err=True) else {}


def _import(path: Path) -> int:
    from strava_pipeline.verbs.import_ import import_

    try:
        import_([path])
    except typer.Exit as end:  # it gave no activity, and has said why
        return end.exit_code
    return 0


def _pull(settings: "Settings", chosen: Sequence[str]) -> Iterator[int]:
    """Fetch new activities from each source, which means everything the first time; yields the exit codes."""
    from strava_pipeline.verbs.options import Limits
    from strava_pipeline.verbs.pipeline import flow

    if own := [name for name in chosen if not spec_of(name).commands]:
        yield _pull_services(settings, own)
    if len(own) < len(chosen):
        try:
            flow(**asdict(Limits()))
        except typer.Exit as end:  # a limit stopped it, or another run is at work
            yield end.exit_code


def _pull_services(settings: "Settings", names: Sequence[str]) -> int:
    """Do the same as `providers pull`. If everything is to be listed, this year comes first, because files take a call each."""
    from strava_pipeline.lake.bronze.listings import is_by_start, newest_watermark
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.options import all_years
    from strava_pipeline.verbs.provider_pulls import exit_code, pull_and_report, wanted
    from strava_pipeline.verbs.terminal import program

    def pulled(of: Sequence[str], years: Sequence[str]) -> int:
        wants = wanted(settings, month=None, years=years, everything=False)
        ended = pull_and_report(settings, of, wants, allow_shrink=False, as_json=False, verbose=False)
        return exit_code(ended.values())

    if new := [name for name in names if is_by_start(name) and newest_watermark(Lake(settings.data_dir), name) is None]:
        this_year = str(all_years(settings)[-1])
        if code := pulled(new, [this_year]):
            return code
        _say(
            f"\n{this_year} is here: in another terminal, `{program()} dashboard` shows it. Now all other years come. You may "
            "press Ctrl-C and go on later, with the same command."
        )
    return pulled(names, [])


def _end(settings: "Settings", chosen: Sequence[str], *, is_empty: bool) -> None:
    """Print the one next step, and open the dashboard if this machine has a browser."""
    from strava_pipeline.environment.browser import has_browser
    from strava_pipeline.verbs.dashboard import dashboard
    from strava_pipeline.verbs.terminal import print_wrapped, program

    opens = not is_empty and settings.athlete_folder is None and has_browser()
    why, words = _next_step(settings, chosen, is_empty=is_empty, is_shown=opens)
    print_wrapped(f"\n{why}\n  {program()} {words}")
    if opens:
        dashboard(workers=1, opens=True)


def _next_step(settings: "Settings", chosen: Sequence[str], *, is_empty: bool, is_shown: bool) -> tuple[str, str]:
    """The next step: a sentence, and the command. `is_shown`: the browser is about to open."""
    if is_empty:
        return "Nothing was fetched. This goes on, and keeps what you told it:", "start"
    if any("details" in spec_of(name).capabilities for name in chosen) and (found := _missing_details(settings)):
        return f"{found}. Next, fetch them; where a day's limit stops it, call it again:", "flow-backfill"
    if not is_shown:
        return "Next, look at your activities in a browser:", "dashboard --open"
    if chosen:
        return "Next, in another terminal, let what is new come every day, in the background:", "service up"
    return "While it runs, what you drop onto its page is imported. Without it:", "import PATH"


def _missing_details(settings: "Settings") -> str:
    """A phrase about Strava's details that no call has fetched yet, with the days that they take; empty without any."""
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.operations.planning import plan_backfill
    from strava_pipeline.operations.source import BudgetedSource
    from strava_pipeline.verbs.options import all_years, context_without_run

    run = context_without_run(settings)
    source = BudgetedSource(STRAVA, settings, run)
    plan, _ = plan_backfill(run, source, all_years(settings), ListingOptions(per_page=None, days=None))
    if not plan.details:
        return ""
    days = f", which Strava's limits allow within {counted(plan.days, 'day')}" if plan.days else ""
    return f"Splits, laps and descriptions of {counted(plan.details, 'activity')} are missing: a call each{days}"
