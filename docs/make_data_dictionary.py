"""Writes the data dictionary, Markdown, from the catalogue of tables: `make docs`. Each system beside activities has a page.

No columns, meanings or units of its own: what is wrong there is corrected in strava_pipeline/core/tables/.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import GOLD_ACTIVITIES, PARQUET_TABLES, TABLES, Column, Table
from strava_pipeline.core.tables.insights import INSIGHTS, MACROS, PUBLISH_TABLES

INTRODUCTION = """# Data dictionary

Made from the catalogue of tables by `make docs`; not to be edited by hand.

- Types are DuckDB's. A `TIMESTAMPTZ` is an instant, a `TIMESTAMP` is what the athlete's clock showed, without a zone.
- Absent and null at the source are both `NULL`, never false or 0. Whole numbers stay whole; ids are beyond 2^53.
- *Source* is the field in Strava's JSON. *Made here*: the pipeline makes the value.
- *Edited*: an edit can change this field, and a change makes the stored detail stale, so that it is fetched again.
- `activities` is a view of `activities_all` without what has a `deleted_at`; `deleted_activities` is a view of the rest.
  Both have two columns more, `counts`: false for what is in no total ([insights.md](insights.md#what-counts)), and
  `impossible`: why it can't be. `activities` also has `has_time`: false where its local start is a day alone, a start hidden at
  Strava (00:00:01), or a spreadsheet's noon.
- A range (*from 0 up*) is what is believable. Nothing outside is changed or left out.
- `gold.activities` is a view of what counts of `activities` in its own schema, for notebooks and queries of strava-stats-msrvc.
- `athlete_by_date` holds what your goals.toml says; each publish fills it ([insights.md](insights.md#the-athlete)).
- The view `own_values` holds what you said of activities (`corrections`), or else what your rules give them (`ruled`).
- `computed_values` holds what each activity's track tells ([how](insights-reference.md#what-is-computed)); each publish fills it.
- `activity_list` has a row for each present activity, as the dashboard lists it, with its place. Each publish fills it.
- `activity_bests` has its bests; each publish fills it, too.
- From `sport_groups` to `explorer_tiles` are views: insights, as true as the tables below them ([insights.md](insights.md)).
- `time_in_zones` is a table macro: a view that is given the files it reads, with `strava-pipeline duck --files`.
- `lake_meta` is bookkeeping: which catalogue made the file, and how often it was changed.
- `tracks` is in no warehouse. It lies in `data/tracks/year=YYYY/*.parquet`, a file per activity, and is read with
  `read_parquet('data/tracks/**/*.parquet')`. `curves`, `value_seconds`, `track_summaries`, `track_cells`,
  `heat_cells`, `heat_tiles`, `track_ways`, `way_cells`, `route_members` and `tile_visits` are computed from it and lie beside
  it, a file per year ([the reference](insights-reference.md#curves-zones-and-the-heat-map)).
- The tables of [trips](trips) are described there, each beside its guide."""
OF_A_SYSTEM = """# Data dictionary of {0} trips

Made from the catalogue of tables by `make docs`; not to be edited by hand.
What the columns mean: [the data dictionary](../../data-dictionary.md)."""


def main() -> None:
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """Page → its text. The tables of each system beside activities are on a page in its folder, all others on one page.

    There an index, then a section per table in the order of the catalogue, then the views of insights, then what lies as Parquet.
    """
    docs = Path(__file__).parent
    systems = {system.__package__.rpartition(".")[2]: system.TABLES for system in parts("tables")}
    of_systems = {table.name for tables in systems.values() for table in tables}
    insights = [*PUBLISH_TABLES.values(), *INSIGHTS.values(), *MACROS.values()]
    tables = [table for table in TABLES.values() if table.name not in of_systems]
    return {
        docs / "data-dictionary.md": _page(
            INTRODUCTION, [*tables, GOLD_ACTIVITIES, *insights, *PARQUET_TABLES.values()]
        ),
        **{
            docs / "trips" / name / "data-dictionary.md": _page(OF_A_SYSTEM.format(name), tables)
            for name, tables in systems.items()
        },
    }


def _page(introduction: str, tables: Sequence[Table]) -> str:
    index = [f"- [`{table.name}`](#{table.name.replace('.', '')}): {table.meaning}" for table in tables]
    return "\n\n".join([introduction, "\n".join(index), *("\n".join(_section(table)) for table in tables)]) + "\n"


def _section(table: Table) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    parent = f" Belongs to `{table.parent}`." if table.parent else ""
    yield f"{table.meaning} Key: {', '.join(f'`{name}`' for name in table.key)}.{parent}"
    yield ""
    yield "| column | type | unit | meaning | source |"
    yield "| --- | --- | --- | --- | --- |"
    for column in table.columns:
        yield f"| `{column.name}` | {column.kind.value} | {column.unit or ''} | {_meaning(column, table)} | {_source(column)} |"


def _meaning(column: Column, table: Table) -> str:
    believable = {
        (False, False): "",
        (True, False): "from {low:,.0f} up",
        (False, True): "up to {high:,.0f}",
        (True, True): "{low:,.0f} to {high:,.0f}",
    }[column.low is not None, column.high is not None].format(low=column.low or 0, high=column.high or 0)
    edited = "*edited*" if column.edited and table.parent is None else ""
    return "; ".join(part for part in (column.meaning.replace("|", "/"), believable, edited) if part)


def _source(column: Column) -> str:
    return f"`{'.'.join(column.source)}`" if column.source else "made here"


if __name__ == "__main__":
    main()
