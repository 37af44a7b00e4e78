"""The command `why`: a number with what counts in it, what doesn't and why, and what each service has instead."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import Json

if TYPE_CHECKING:
    from strava_pipeline.core.insights.declared_numbers import DeclaredNumber
    from strava_pipeline.core.insights.goals import Units
    from strava_pipeline.lookups.why import Why


_DAY = ["%Y-%m-%d"]


def _names() -> list[str]:
    from strava_pipeline.core.insights.declared_numbers import NUMBERS

    return [*NUMBERS]


def why(
    name: Annotated[str, typer.Argument(help="A number: see `schema why`.", autocompletion=_names)],
    year: Annotated[int | None, typer.Option(min=1, max=9999, help="Of this local year.")] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAY, metavar="DAY", help="From this local day on, as 2026-10-31."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=_DAY, metavar="DAY", help="Up to this local day.")
    ] = None,
    sport: Annotated[str | None, typer.Option(help="Of this sport, or group of sports.")] = None,
    gear: Annotated[str | None, typer.Option(help="With this gear, as strava:b1234.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    commute: Annotated[bool | None, typer.Option("--commute/--no-commute", help="Commutes only; or without.")] = None,
    activity: Annotated[int | None, typer.Option(help="Of this activity alone: what each source says of it.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=_DAY, metavar="DAY", help="Say what moved it since this local day.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Why a number is what it is: what counts, what doesn't and why, and what each service has instead."""
    from strava_pipeline.core.insights.declared_numbers import number_named
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.insights import athlete_of
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.user_files import goals_of
    from strava_pipeline.lookups.activity_list import Selection, known_choices
    from strava_pipeline.lookups.why import up_to_a_day
    from strava_pipeline.lookups.why import why as why_number
    from strava_pipeline.verbs.output import echo_json
    from strava_pipeline.verbs.views import show

    declared, settings = number_named(name), Settings.load()
    lake, now = Lake(settings.data_dir), datetime.now(UTC)
    with insights_snapshot(lake) as connection:
        athlete = athlete_of(connection, goals_of(lake), now)
        if athlete is None:
            show({}, as_json=as_json, nothing="There is no activity yet.")
            return
        today = athlete.today(now, settings.timezone)
        first_on, last_on = _days(first, last, year, today)
        asked = Selection(first_on, last_on, sport=sport, gear=gear, tag=tag, commute=commute, activity=activity)
        selection = up_to_a_day(known_choices(connection, asked), declared, today)
        begins = since.replace(tzinfo=athlete.clock(settings.timezone)) if since else None
        found = why_number(connection, athlete.id, declared, selection, settings=settings, since=begins)
    if as_json:
        echo_json(found)
    else:
        show(_shown(found, declared, athlete.units), most=20)


def _days(
    first: datetime | None, last: datetime | None, year: int | None, today: date
) -> tuple[date | None, date | None]:
    """The asked local days, of a year up to the latest one that may have an activity."""
    from strava_pipeline.core.insights.pacing import latest_day

    if year is None:
        return first and first.date(), last and last.date()
    return date(year, 1, 1), max(date(year, 1, 1), min(date(year, 12, 31), latest_day(today)))


def _shown(found: "Why", declared: "DeclaredNumber", units: "Units") -> dict[str, Any]:
    """The answer for a person: no list of all that counts, which the page and --json have."""
    from strava_pipeline.lookups.reasons import REASONS

    def text(value: float | None) -> str:
        return declared.exact_text(value, units)

    def words(reason: str) -> str:
        return declared.lacking if reason == "lacking" and declared.lacking else REASONS[reason][0]

    return {
        declared.title.lower(): text(found.number),
        "what it is": found.sentence,
        "activities": found.activities,
        "joined": found.joined,
        "newest": [
            {"day": row["on_day"], "name": row["name"], "": text(row["value"])} for row in [*found.rows.values()][:5]
        ],
        **{
            title: [
                {
                    "": each.activities,
                    "reason": words(each.reason),
                    "value": "" if declared.reached else text(each.value),
                }
                for each in reasons.values()
            ]
            for title, reasons in (("not counted", found.excluded), ("changed", found.changed))
        },
        "services": [
            {"service": source, "number": text(each.value), "reason": REASONS[part.reason][0], "here": text(part.value)}
            for source, each in found.services.items()
            if each is not None
            for part in each.reasons.values()
        ]
        + [{"service": source, "number": "no longer known"} for source, each in found.services.items() if each is None],
        "then": {"published": found.since.published_at, "number": text(found.since.number)} if found.since else None,
        "moved": [
            {"by": text(each.value), "": each.activities, "reason": REASONS[each.reason][0]}
            for each in (found.since.reasons.values() if found.since else ())
        ],
        "shown by Strava": text(found.shown["value"]) if found.shown else None,
        "sources": [
            {"source": row["source"], "value": text(row["value"]), "": REASONS[row["leads"]][0] if row["leads"] else ""}
            for row in found.sources.values()
        ],
        "sql": found.statement,
    }
