"""The command `rules check`: what each rule of rules.toml matches and would change.

What a rule can say is lake/gold/rules_file.py's, what follows from it lake/gold/rules.py's.
"""

import typer

from strava_pipeline.verbs.options import Json, command_group

rules = command_group("Your rules about activities, in rules.toml beside the data folder.")


@rules.callback()
def _group() -> None:
    """Keeps `check` a subcommand while it is the only one."""


@rules.command()
def check(as_json: Json = False) -> None:
    """Show what each rule matches and would change, and which disagree. Ends with 2 where rules.toml can't be used."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.gold.rules import check_rules
    from strava_pipeline.lake.gold.rules_file import UnusableRulesError, rules_of
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.terminal import err
    from strava_pipeline.verbs.views import show

    lake = Lake(Settings.load().data_dir)
    try:
        found = rules_of(lake)
    except UnusableRulesError as error:
        err.print(str(error), style="red")
        err.print("Until it is corrected, no rule counts. rules.example.toml shows how one is written.")
        raise typer.Exit(2) from error
    with insights_snapshot(lake) as connection:
        checked = check_rules(connection, found)
    advice = [f"rule {number}: no source has gear {gear}." for number, gear in checked.unknown_gear.items()]
    missing = f"recorded a heart rate beside no other device. These did: {', '.join(checked.known_devices) or 'none'}."
    advice += [f"rule {number}: {name} {missing}" for number, name in checked.unknown_devices.items()]
    nothing = f"There is no rule in {lake.rules}. Copy rules.example.toml to begin."
    show(
        checked,
        as_json=as_json,
        nothing=nothing,
        advice=advice,
        hidden=("unknown_gear", "unknown_devices", "known_devices"),
    )
