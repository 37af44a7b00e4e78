"""goals.toml, looked at before a run follows it. What it may hold is core/insights/goals.py's."""

import typer

goals = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Your goals, in goals.toml beside the data folder."
)


@goals.callback()
def _verbs() -> None:
    """Keeps `check` a word of its own while it is the only one."""


@goals.command()
def check() -> None:
    """Say which goals goals.toml sets, or what is wrong in it. Ends with 2 where it can't be followed."""
    from strava_pipeline.core.insights.goals import MEASURES, amount_text, group_name
    from strava_pipeline.lake.goals import UnusableGoalsError, goals_of
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import err, out

    lake = Lake(Settings.load().data_dir)
    try:
        found = goals_of(lake)
    except UnusableGoalsError as error:
        err.print(str(error), style="red")
        err.print("Until it is mended, years are shown without goals. goals.example.toml shows how one is written.")
        raise typer.Exit(2) from error
    if not lake.goals.exists():
        out.print(f"There is no {lake.goals}; years are shown without goals. Copy goals.example.toml to begin.")
        return
    titles = {measure.name: measure.title for measure in MEASURES}
    for (year, group, measure), amounts in sorted(found.all.items(), key=lambda item: (item[0][0] or 0, item[0][1:])):
        told = " and ".join(amount_text(measure, amount, found.units or "km") for amount in amounts)
        out.print(f"{year or 'Every year'}, {group_name(group)}, {titles[measure]}: {told}")
    out.print(f"{lake.goals} can be followed: {len(found.all)} goals.")
