"""The command `maps`: regions of OpenStreetMap for the dashboard's maps are added, listed, removed. lake/maps.py does it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import Json, command_group, own_lake
from strava_pipeline.verbs.output import echo, echo_json

if TYPE_CHECKING:
    from strava_pipeline.lake.maps import Region

maps = command_group("Regions of OpenStreetMap for the dashboard's maps: add, list, remove.")
Name = Annotated[str, typer.Argument(help="As `maps list` shows it.", metavar="NAME")]


@maps.command()
def add(
    file: Annotated[
        Path, typer.Argument(help="A PMTiles archive of Protomaps' basemap.", metavar="FILE", dir_okay=False)
    ],
) -> None:
    """Copy a region's file into the data folder; the dashboard's maps show its streets at once."""
    from strava_pipeline.lake.maps import add_region

    lake = own_lake()
    name, region = add_region(lake, file)
    is_copied = not file.samefile(lake.maps / name)
    echo(f"Added {name}: {_words(region)}.{f' You may delete {file}.' if is_copied else ''}")


@maps.command("list")
def list_(as_json: Json = False) -> None:
    """Show which regions there are."""
    from strava_pipeline.lake.maps import regions

    found = regions(own_lake())
    if as_json:
        echo_json({"regions": {name: _shape(region) for name, region in found.items()}})
        return
    for name, region in found.items():
        echo(f"{name}: {_words(region) if region else 'damaged; add it again, or remove it'}")
    if not found:
        echo("There is no region. The dashboard's page /maps shows the command that extracts yours.")


@maps.command()
def remove(name: Name) -> None:
    """Delete a region's file from the data folder."""
    from strava_pipeline.lake.maps import remove_region

    remove_region(own_lake(), name)
    echo(f"Removed {name}.")


def _words(region: "Region") -> str:
    box = ", ".join(f"{each:.2f}" for each in region.box)
    return f"{region.bytes / 1e6:,.1f} MB, zoom {region.min_zoom} to {region.max_zoom}, box {box}"


def _shape(region: "Region | None") -> dict[str, Any] | None:
    from dataclasses import asdict

    return None if region is None else {key: value for key, value in asdict(region).items() if key != "changed_ns"}
