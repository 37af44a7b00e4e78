"""`python -m benchmarks 1000 10000`: measures, and prints tables in Markdown or, with `--json`, one object."""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import (
    comparing,
    copies,
    dashboard,
    expiring,
    exporting,
    files,
    insights,
    matching,
    pairs,
    providers,
    tracks,
)
from benchmarks.commands import AIMS, FLOOR, Commands
from benchmarks.intake import RATE, Intake
from benchmarks.rounds import (
    MEMORY,
    Figures,
    Size,
    measure_commands,
    measure_in_turn,
    measure_intake,
    measure_memory,
    measure_pages,
    measure_providers,
    measure_size,
    measure_startup,
    peer_scale,
)
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.systems import parts
from strava_pipeline.ingest.registry import PROVIDERS

LIBRARIES = ("strava_pipeline", "dagster", "duckdb", "polars", "orjson", "requests", "urllib3")
MOST_MB = 450  # aim for a whole run with any number of activities
BESIDE_FLOOR = {
    "files": (files, [100], "{:,} activity files of 3,600 points, one core", "numbers of activity files"),
    "matching": (
        matching,
        [50_000],
        "{:,} activities and as many files, one core",
        "numbers of activities with as many files",
    ),
    "insights": (
        insights,
        [100_000],
        "{:,} activities, half with splits, one core",
        "numbers of activities, for insights",
    ),
    "exporting": (exporting, [10_000], "{:,} activities exported, one core", "numbers of activities, exported"),
    "tracks": (tracks, [200], "{:,} tracks of 3,600 points, one core", "numbers of tracks"),
    "pairs": (pairs, [60], "{:,} pairs of recordings of two hours, one core", "numbers of pairs of recordings"),
    "comparing": (comparing, [10_000], "{:,} efforts at five sources, one core", "numbers of efforts, compared"),
    "expiring": (expiring, [20_000], "{:,} activities published", "numbers of activities, published"),
    "copies": (copies, [10_000], "{:,} details of 3 kB, copied to a folder", "numbers of details, copied"),
    **{
        each.NAME: (each, each.COUNTS, each.TITLE, each.HELP)
        for each in parts("benchmark", "strava_pipeline_tests.trips")
    },
}  # subject → its module, the usual numbers, the title of its table, and what is counted
TITLES = {
    "listing": "listing → bronze",
    "shards": "shards",
    "merge_summaries": "merge of activities",
    "details": "details → bronze",
    "merge_details": "merge of details",
    "publish": "publish",
}


def main() -> None:
    options = _arguments()
    out = Console(width=140)
    machine = _machine()
    if not options.json:
        out.print(", ".join(machine.values()), soft_wrap=True)
    sizes = []
    for activities in options.sizes:
        rounds = options.rounds or max(1, min(5, 20_000 // activities))
        size = measure_size(activities, rounds, details=activities <= options.details, whole=not options.stages)
        sizes.append(size)
        if not options.json:
            out.print(_stages_table(size))
    beside_floor = {
        **{
            name: {count: measure_in_turn(module, count, options.rounds or 3) for count in getattr(options, name)}
            for name, (module, _, _, _) in BESIDE_FLOOR.items()
        },
        "memory": {count: measure_memory(count) for count in options.memory},
    }
    pages = {count: measure_pages(count) for count in options.pages}
    sources = {
        count: measure_providers(count, options.rounds or 3, [STRAVA, *options.sources]) for count in options.providers
    }
    intake = measure_intake(options.intake) if options.intake else {}
    startup = {} if options.stages else measure_startup()
    commands = measure_commands(options.commands) if options.commands and not options.stages else None
    if not options.json:
        for name, (module, _, title, _) in BESIDE_FLOOR.items():
            for count, figures in beside_floor[name].items():
                out.print(_floor_table(title.format(count), module.STAGES, figures))
        for count, figures in beside_floor["memory"].items():
            out.print(_memory_table(count, figures))
        for count, measured in pages.items():
            out.print(_pages_table(count, measured))
        for count, by_source in sources.items():
            out.print(_providers_table(count, by_source))
        if intake:
            out.print(_intake_table(intake, options.intake))
    if options.json:
        subjects = {
            subject: {
                count: {stage: found.as_json() for stage, found in figures.items()} for count, figures in counts.items()
            }
            for subject, counts in beside_floor.items()
        }
        report = {
            "machine": machine,
            "sizes": [_as_json(size) for size in sizes],
            **subjects,
            "pages": {count: measured.as_json() for count, measured in pages.items()},
            "providers": {count: _providers_json(by_source) for count, by_source in sources.items()},
            "intake": {side: figures.as_json() for side, figures in intake.items()},
            "startup": startup,
            "commands": commands.as_json() if commands else {},
        }
        print(json.dumps(report, indent=1))
    elif startup:
        out.print(_startup_table(startup))
    if commands and not options.json:
        out.print(_commands_table(commands))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000, 10_000], help="numbers of activities")
    parser.add_argument(
        "--details", type=int, default=10_000, help="details up to this many activities (default 10000)"
    )
    parser.add_argument("--rounds", type=int, help="how often (default: more often with fewer activities)")
    parser.add_argument("--stages", action="store_true", help="only the stages: no whole runs, no start")
    for name, (_, usual, _, text) in BESIDE_FLOOR.items():
        parser.add_argument(f"--{name}", nargs="*", type=int, default=usual, help=text)
    parser.add_argument(
        "--memory", nargs="*", type=int, default=[150_000], help="numbers of activities, for whole runs"
    )
    parser.add_argument(
        "--providers", nargs="*", type=int, default=[10_000], help="numbers of activities, listed at every service"
    )
    parser.add_argument(
        "--sources", nargs="*", default=[*PROVIDERS], help="services listed beside Strava (default: every one)"
    )
    parser.add_argument(
        "--pages", nargs="*", type=int, default=[10_000], help="numbers of activities, for the dashboard"
    )
    parser.add_argument("--intake", type=int, default=60, help="seconds of webhook events (default 60; 0: none)")
    parser.add_argument("--commands", type=int, default=5, help="rounds of whole commands (default 5; 0: none)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "measured_on": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": f"{os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
        "processor": _processor(),
        "python": f"Python {platform.python_version()}",
        **{name: f"{name} {version(name)}" for name in LIBRARIES},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _stages_table(size: Size) -> Table:
    title = f"{size.activities:,} activities, {size.rounds} rounds"
    names = ("stage", "CPU s", "(min)", "floor", "(min)", "ratio", "peak MB", "floor", "calls", "wall s", "floor")
    table = Table(box=box.MARKDOWN, title=title, title_justify="left")
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place else "left")
    for stage, product in size.product.items():
        table.add_row(TITLES[stage], *_both_cells(product, size.floor[stage]))
    if size.whole and size.quiet and size.dagster is not None:
        table.add_row("all stages in one run, with Dagster", *_product_cells(size.whole))
        table.add_row("of it Dagster and reports", f"{size.dagster:.2f}")
        table.add_row("daily run with nothing new", *_product_cells(size.quiet))
    if size.first_run and size.read_bronze:
        table.add_row("first run after an update", *_both_cells(size.first_run, size.read_bronze))
    if size.peer:
        scaled = [seconds * peer_scale() for seconds in size.peer.cpu]
        table.add_row("1,000 details row by row (scaled)", f"{median(scaled):.2f}", f"{min(scaled):.2f}")
    return table


def _both_cells(product: Figures, floor: Figures) -> list[str]:
    return [
        *_cpu_cells(product),
        *_cpu_cells(floor),
        f"{min(product.cpu) / min(floor.cpu):.1f}",
        f"{max(product.peak_mb):.0f}",
        f"{max(floor.peak_mb):.0f}",
        f"{max(product.calls):,}",
        f"{median(product.wall):.2f}",
        f"{median(floor.wall):.2f}",
    ]


def _product_cells(figures: Figures) -> list[str]:
    peak, calls, wall = max(figures.peak_mb), max(figures.calls), median(figures.wall)
    return [*_cpu_cells(figures), "", "", "", f"{peak:.0f}", "", f"{calls:,}", f"{wall:.2f}", ""]


def _cpu_cells(figures: Figures) -> list[str]:
    return [f"{median(figures.cpu):.2f}", f"{min(figures.cpu):.2f}"]


def _floor_table(title: str, stages: dict[str, str], found: dict[str, Figures]) -> Table:
    table = Table(box=box.MARKDOWN, title=title, title_justify="left")
    for name in ("stage", "CPU s", "(min)", "of the floor's throughput", "peak MB"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    fastest = min(found["floor"].cpu)
    for stage, figures in found.items():
        share, peak = f"{fastest / min(figures.cpu):.0%}", f"{max(figures.peak_mb):.0f}"
        table.add_row(stages.get(stage, "floor"), *_cpu_cells(figures), share, peak)
    return table


def _memory_table(count: int, found: dict[str, Figures]) -> Table:
    title = f"Memory of whole runs, {count:,} activities without details"
    table = Table(box=box.MARKDOWN, title=title, title_justify="left")
    for name in ("run", "peak MB", "aim", "CPU s"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for stage, figures in found.items():
        side, what = MEMORY[stage]
        aim = str(MOST_MB) if side == "product" else ""
        table.add_row(what, f"{max(figures.peak_mb):.0f}", aim, f"{median(figures.cpu):.2f}")
    return table


def _providers_table(count: int, found: dict[str, dict[str, Figures]]) -> Table:
    """What a row costs at every source, beside Strava's of the same rounds."""
    title = f"{count:,} activities at every source, CPU of a thousand rows"
    table = Table(box=box.MARKDOWN, title=title, title_justify="left")
    table.add_column("source")
    for name in ("rows", *(word for stage in providers.STAGES.values() for word in (f"{stage}, ms", "of Strava's"))):
        table.add_column(name, justify="right")
    for name, stages in found.items():
        cells = [f"{max(stages['listing'].calls):,}"]
        for stage in providers.STAGES:
            cells += [f"{_of_a_row(stages, stage) * 1e6:.0f}", f"{_of_strava(found, name, stage):.2f}"]
        table.add_row(name, *cells)
        if providers.WORKBOOK in stages:
            alone, ratio = _of_a_row(stages, providers.WORKBOOK), _of_strava(found, name, providers.WORKBOOK)
            table.add_row("… of it openpyxl alone", "", f"{alone * 1e6:.0f}", f"{ratio:.2f}", "", "")
    return table


def _pages_table(count: int, found: dashboard.Measured) -> Table:
    title = (
        f"Pages of the dashboard over {count:,} activities of {len(dashboard.SERVICES)} services, half of them with tracks. "
        f"Idle: {found.idle_mb:.0f} MB (aim: {dashboard.MOST_IDLE_MB}); "
        f"the first overview: {found.first_ms:.0f} CPU ms (aim: {dashboard.MOST_FIRST}); "
        f"after all of these: {found.after_mb:.0f} MB (aim: {dashboard.MOST_USED_MB})"
    )
    table = Table(box=box.MARKDOWN, title=title, title_justify="left")
    warm = f"warm (aim ≤ {dashboard.MOST_WARM})"
    for name in (
        "page",
        "cold, CPU ms",
        "its queries",
        "queries",
        f"ratio (aim ≤ {dashboard.MOST_TIMES})",
        warm,
        "304",
        "kB",
    ):
        table.add_column(name, justify="left" if name == "page" else "right")
    for path, cost in found.pages.items():
        times = "" if cost.times is None else f"{cost.times:.2f}"
        again = "" if cost.again is None else f"{cost.again:.1f}"
        cells = (f"{cost.cold:.1f}", f"{cost.bare:.1f}", f"{cost.queries}", times, f"{cost.warm:.1f}", again)
        table.add_row(path, *cells, f"{cost.kilobytes:.0f}")
    return table


def _providers_json(found: dict[str, dict[str, Figures]]) -> dict[str, object]:
    return {
        name: {
            stage: {**figures.as_json(), "of_strava": round(_of_strava(found, name, stage), 2)}
            for stage, figures in stages.items()
        }
        for name, stages in found.items()
    }


def _of_strava(found: dict[str, dict[str, Figures]], name: str, stage: str) -> float:
    of_strava = "listing" if stage == providers.WORKBOOK else stage
    return _of_a_row(found[name], stage) / _of_a_row(found[STRAVA], of_strava)


def _of_a_row(stages: dict[str, Figures], stage: str) -> float:
    """The least CPU seconds of a listed row. Shards have some rows twice, where pages overlap."""
    return min(stages[stage].cpu) / max(stages["listing"].calls)


def _intake_table(found: dict[str, Intake], seconds: int) -> Table:
    table = Table(box=box.MARKDOWN, title=f"{RATE} webhook events a second, {seconds} s", title_justify="left")
    for name in ("", "posted", "acknowledged", "kept", "lost", "p50 ms", "p99 ms", "max ms", "wall s", "CPU s"):
        table.add_column(name, justify="right" if name else "left")
    for side, figures in found.items():
        table.add_row(side, *("" if value is None else f"{value:,}" for value in figures.as_json().values()))
    return table


def _startup_table(startup: dict[str, list[float]]) -> Table:
    table = Table("", "median s", "min s", box=box.MARKDOWN, title="Starting", title_justify="left")
    for name, seconds in startup.items():
        table.add_row(name, f"{median(seconds):.2f}", f"{min(seconds):.2f}")
    return table


def _commands_table(found: Commands) -> Table:
    table = Table(box=box.MARKDOWN, title="Whole commands, CPU and writes", title_justify="left")
    for name in ("", "median s", "of the imports", "aim", "of the floor", "aim", "MB written"):
        table.add_column(name, justify="right" if name else "left")
    for name, seconds in found.cpu.items():
        of_imports, of_floor = AIMS.get(name, (None, None))
        floor_cells = [f"{found.ratio(name, FLOOR):.2f}", f"≤ {of_floor}"] if of_floor is not None else ["", ""]
        aim = "" if of_imports is None else f"≤ {of_imports}"
        written = f"{median(found.written_mb[name]):.2f}"
        table.add_row(name, f"{median(seconds):.2f}", f"{found.ratio(name):.2f}", aim, *floor_cells, written)
    return table


def _as_json(size: Size) -> dict[str, object]:
    others = {
        "peer_200_details": size.peer,
        "whole": size.whole,
        "quiet_day": size.quiet,
        "first_run": size.first_run,
        "read_bronze": size.read_bronze,
    }
    return {
        "activities": size.activities,
        "rounds": size.rounds,
        "product": {stage: figures.as_json() for stage, figures in size.product.items()},
        "floor": {stage: figures.as_json() for stage, figures in size.floor.items()},
        **{name: figures.as_json() if figures else None for name, figures in others.items()},
        "dagster_cpu": round(size.dagster, 3) if size.dagster is not None else None,
    }


if __name__ == "__main__":
    main()
