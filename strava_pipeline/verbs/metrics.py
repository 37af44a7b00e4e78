"""The command `metrics`: numbers of the pipeline for Prometheus, on an address of their own or once on standard output.

The numbers are in metrics_parts.py, their delivery in metrics_collector.py.
"""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.interrupts import end_at_interrupt
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.metrics_collector import Subject

SETTING = "METRICS_ADDRESS"


def metrics(
    once: Annotated[
        bool, typer.Option("--once", help="Print them and end, as for a file that another exporter reads.")
    ] = False,
) -> None:
    """Numbers of the pipeline for Prometheus, at METRICS_ADDRESS until Ctrl-C. No activity and no place is named in them."""
    from strava_pipeline.core.errors import MissingSettingsError
    from strava_pipeline.environment.settings import Settings

    settings = Settings.load()
    if not has_extra():
        raise MissingSettingsError(
            "The metrics need prometheus_client, which this installation does not have. Type: "
            f"{sys.executable} -m pip install 'strava_pipeline[metrics]'"
        )
    if once:
        from prometheus_client import generate_latest

        sys.stdout.write(generate_latest(registry_of(settings)).decode())
        return
    if settings.metrics_address is None:
        raise MissingSettingsError(
            f"{SETTING} is not set, so nobody could ask. Put a line like {SETTING}=127.0.0.1:8724 into .env; "
            "`strava-pipeline metrics --once` prints the metrics without it."
        )
    _serve(settings, settings.metrics_address)


def has_extra() -> bool:
    """Whether this installation has the metrics' library."""
    return find_spec("prometheus_client") is not None


def refuse_address(address: str) -> None:
    """Raise PipelineError if the metrics can't be served there: the address is taken, or may be reachable from the internet."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.environment.setting_values import ANY_ADDRESS
    from strava_pipeline.serve.addresses import bound, own_address

    if address.rpartition(":")[0].strip("[]") in ANY_ADDRESS and own_address() is None:
        raise PipelineError(
            f"{SETTING}={address} is every address of this machine, and one of them may be public. Name one, as 127.0.0.1:8724."
        )
    bound(address, SETTING, "metrics' server").close()


def registry_of(settings: "Settings") -> "CollectorRegistry":
    """A registry of the metrics of a data folder; for a house, of all its athletes by name and of its own Dagster."""
    from prometheus_client import CollectorRegistry

    from strava_pipeline.verbs.metrics_collector import MetricsCollector, Subject
    from strava_pipeline.verbs.metrics_parts import all_groups, all_measures

    is_house = settings.athletes_dir is not None and settings.athlete_folder is None
    registry = CollectorRegistry()
    registry.register(
        MetricsCollector(
            all_measures(),
            partial(_of_house, settings) if is_house else lambda: {"": Subject(lambda: settings, all_groups())},
            are_named=is_house,
            say=partial(echo, err=True),
            now=lambda: datetime.now(UTC),
        )
    )
    return registry


def _of_house(house: "Settings") -> "Mapping[str, Subject]":
    """The athletes, and without a name the house, whose Dagster runs for all of them."""
    from strava_pipeline.environment.athletes import athletes, house_home, settings_of
    from strava_pipeline.verbs.metrics_collector import Subject
    from strava_pipeline.verbs.metrics_parts import DAGSTER, all_groups

    home = house_home(house)
    own = house.model_copy(update={"dagster_home": home, "data_dir": home})
    found = {each.name: Subject(partial(settings_of, house, each), all_groups()) for each in athletes(house)}
    return {"": Subject(lambda: own, DAGSTER), **found}


def _serve(settings: "Settings", address: str) -> None:
    from prometheus_client import start_http_server

    refuse_address(address)
    host, _, port = address.rpartition(":")
    _, thread = start_http_server(int(port), host.strip("[]"), registry_of(settings))
    echo(f"Metrics: http://{address}/metrics (Ctrl-C stops it)", err=True)
    end_at_interrupt()
    thread.join()
