"""`providers gear`: gear of all services side by side, and links of gear that are proposed to a person.

Which gear belongs together is core/gear_links.py's; how links are written into providers.toml is ingest/gear_tables.py's.
"""

from collections.abc import Iterable
from difflib import unified_diff
from typing import Any

import typer

from strava_pipeline.core.gear_links import GearItem, proposed_links
from strava_pipeline.core.text import counted, fields_of
from strava_pipeline.environment.setting_files import replace_file
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.gear_tables import with_links
from strava_pipeline.verbs.output import confirm, echo


def gear_json(items: Iterable[GearItem]) -> dict[str, Any]:
    """The shape in docs/formats.md."""
    return {"gear": {item.name: _item_json(item) for item in items}}


def _item_json(item: GearItem) -> dict[str, Any]:
    services: dict[str, dict[str, Any]] = {}
    for piece in item.pieces:
        found = fields_of(piece)
        services.setdefault(found.pop("source"), {})[found.pop("gear_id")] = found
    return {
        "linked": item.linked,
        "proposed": item.proposed,
        "unclear": item.unclear,
        "lost": item.lost,
        "services": services,
    }


def link_gear(settings: Settings, items: list[GearItem]) -> None:
    """Show the changes of providers.toml, ask, and write them."""
    path = settings.providers_config
    proposed = proposed_links(items)
    if not proposed:
        echo("There is nothing to link: no two services have unlinked gear of the same name.")
        return
    before, after = with_links(path, proposed)
    echo(f"To be written into {path}:\n")
    for line in unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0):
        if line.startswith("+") and not line.startswith("+++"):
            echo(f"  {line[1:]}".rstrip())
    echo()
    if not confirm("Write it?", err=True):
        echo("Nothing was written.")
        raise typer.Exit(1)
    replace_file(path, before, after)
    echo(
        f"Written: {counted(len(proposed), 'item')}. They count once after the next run, such as `strava-pipeline compact`."
    )
