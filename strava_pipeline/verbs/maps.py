"""The command `maps`: regions of OpenStreetMap for the dashboard's maps are added, listed, removed. lake/maps.py does it."""

from pathlib import Path
from typing import Annotated

import typer

from strava_pipeline.verbs.options import Json, command_group, own_lake
from strava_pipeline.verbs.output import echo

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
    name, _ = add_region(lake, file)
    is_copied = not file.samefile(lake.maps / name)
    echo(f"Added {name}.{f' You may delete {file}.' if is_copied else ''}")


@maps.command("list")
def list_(as_json: Json = False) -> None:
    """Show which regions there are."""
    from strava_pipeline.lake.maps import regions
    from strava_pipeline.verbs.views import show

    found = regions(own_lake())
    whole = {name: region for name, region in found.items() if region is not None}
    advice = [f"{name} is damaged; add it again, or remove it." for name in sorted(found.keys() - whole.keys())]
    if not found:
        advice = ["There is no region. The dashboard's page /maps shows the command that extracts yours."]
    show({"regions": found if as_json else whole}, as_json=as_json, advice=advice, hidden=("changed_ns",))


@maps.command()
def remove(name: Name) -> None:
    """Delete a region's file from the data folder."""
    from strava_pipeline.lake.maps import remove_region

    remove_region(own_lake(), name)
    echo(f"Removed {name}.")
