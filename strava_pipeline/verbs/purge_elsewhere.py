"""Data that stay after a purge, and the fate of the second copy, which is deleted first. The command is purge.py's."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.sources import STRAVA

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import Place
    from strava_pipeline.operations.run_context import RunContext


def copy_to_delete(settings: "Settings", lake: "Lake", *, keep: bool) -> str | None:
    """The address of the copy to delete with the data, or None if none was ever made, it is to stay, or no setting names it."""
    from strava_pipeline.lake.copied import folder_id

    return settings.copy_place if settings.is_copied and folder_id(lake) and not keep else None


def staying_copy(settings: "Settings", lake: "Lake", *, keep: bool) -> Iterator[tuple[Path | None, str]]:
    """The copies that stay, and why."""
    from strava_pipeline.lake.copied import earlier_places

    if settings.copy_place is not None and copy_to_delete(settings, lake, keep=keep) is None:
        why = "as you said" if keep else "if there is one: this folder can't open it, or knows of none"
        yield None, f"the second copy in {settings.copy_place}, {why}. Delete it there"
    for where in earlier_places(lake, settings.copy_place):
        yield None, f"an earlier second copy in {where}: delete it there"
    if settings.restic_password_file is not None and settings.restic_password_file.exists():
        yield settings.restic_password_file, "the password of the second copy"


def delete_with_purge(settings: "Settings", lake: "Lake", command: str, *, api: bool) -> None:
    """Delete the copy, or its data from Strava's API. Raises PipelineError if that fails: then nothing was deleted."""
    from strava_pipeline.operations.copy_comparison import delete_copy

    try:
        delete_copy(settings, lake, api=api)
    except PipelineError as error:
        raise PipelineError(
            f"The second copy could not be deleted, so nothing here was deleted. {str(error).rstrip('.')}. To delete all the "
            f"same: strava-pipeline {command} --keep-copy; then delete the copy yourself."
        ) from error


def require_same_copy(settings: "Settings", command: str) -> None:
    """Raise CopyIncompleteError if this folder does not go on from the copy's newest state."""
    from strava_pipeline.operations.copy_comparison import require_continuation

    require_continuation(_run_of(settings, command), settings)


def copy_again(settings: "Settings", command: str, *, anew: bool) -> list[str]:
    """Bring the copy up to date with the remaining data; `anew`: it has lost all snapshots that could contain deleted data.
    Returns a problem that keeps the others, if there is one.
    """
    from strava_pipeline.operations.copying import make_copy

    return [*filter(None, [make_copy(_run_of(settings, command), settings, anew=anew).problem])]


def _run_of(settings: "Settings", command: str) -> "RunContext":
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.verbs.terminal import progress_for_terminal

    return run_context(settings, progress_for_terminal()(), command)


def beside_api(lake: "Lake") -> Iterator[tuple[Path | None, str]]:
    """The rest of a folder that loses its data from Strava's API."""
    from strava_pipeline.operations.provider_access import pulled_providers

    if lake.imports.is_dir():
        yield lake.imports, "what you imported: archives and files, with the names and numbers that these have"
    for title in pulled_providers(lake):
        yield None, f"what {title} told"
    if lake.decisions.is_dir():
        yield lake.decisions, "what you decided; it names activities by their ids"
    if (changes := lake.bronze / "changes").is_dir():
        yield changes, "what was written to services, with the names that it came from"
    yield None, "exports elsewhere; the application's subscription: strava-pipeline subscription delete"


def staying(settings: "Settings", lake: "Lake", places: "list[Place]") -> Iterator[tuple[Path | None, str]]:
    """The rest of a folder that loses everything."""
    from strava_pipeline.environment.settings import env_file
    from strava_pipeline.ingest.registry import part
    from strava_pipeline.operations.provider_access import pulled_providers

    for link in (link for place in places for link in place.links):
        yield link.readlink(), f"only the link {link} goes"
    for path, why in (
        (lake.goals, "your goals"),
        (lake.rules, "your rules, with the places in them"),
        (lake.views, "your own views"),
        (settings.providers_config, "which services are enabled"),
        (settings.pings_config, "users, tokens, cars and places of pings"),
        (env_file(), "settings: the application's secret among them"),
        (settings.dagster_home, "Dagster's records: ids, times and counts of runs, perhaps of other data folders too"),
    ):
        if path.exists():
            yield path, why
    ledger = part(STRAVA, "access").ledger_path(settings)
    if ledger.exists() and lake.data_dir not in ledger.parents:
        yield (
            ledger,
            "how many calls the API application has made: nothing of the athlete, and its other data folders need it",
        )
    if part(STRAVA, "subscriptions").subscription_path(settings).exists():
        yield None, "the application's subscription at Strava: strava-pipeline subscription delete"
    for title in pulled_providers(lake):
        yield None, f"what {title} holds of the athlete, and the access to it: end that there"
    if settings.athletes_dir is not None:
        yield None, "accounts and tokens of the dashboard of all athletes: strava-pipeline athletes remove ends these"
    yield None, "what you imported from elsewhere, and reports and exports that you wrote elsewhere"
    yield None, "the source of trips and the demo, which are apart"
