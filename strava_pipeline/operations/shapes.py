"""Whether answers have the shape that their source's record expects: bronze's fields of a source, and the differences.

Those of listings, and of answers about days and nights, whose paths begin with the part of the answer.

The counts are kept in data/state/shapes/NAME.json, so that each page is read once; after a change of the record, or
without the file, all pages are.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from strava_pipeline.core.providers import NOT_COUNTED, UnreadableRowError, spec_of
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.wellness import read_kept
from strava_pipeline.ingest.shapes import Shape, known_shape, record_file
from strava_pipeline.lake.bronze.answers import answers_of_kind, items_of_kind
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.files import DamagedFileError, unpacked_json, write_whole
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.table_rules import Finding

SHAPE = "shape"  # the name of the check


class Seen(BaseModel):
    """The contents of the pages of a source.

    Args:
        record: a hash of the record that read them.
        upto: the number of the last page.
        rows: how many activities they had.
        paths: for each path how often each type came.
        sports: how often each unmapped sport came.
        gear: the ids of gear that activities name, if the source gives gear.
    """

    record: str
    upto: int = -1
    rows: int = 0
    paths: dict[str, Counter[str]] = {}
    sports: Counter[str] = Counter()
    gear: set[str] = set()


def seen_of(lake: Lake, source: str) -> Seen:
    """The counts of a source's pages in bronze, including pages since the last look."""
    path = lake.shape_of(source)
    record = hashlib.blake2b(record_file(source).read_bytes(), digest_size=8).hexdigest()
    with locked(lake, f"shape-{source}"):
        try:
            seen = Seen.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            seen = Seen(record=record)
        if seen.record != record:
            seen = Seen(record=record)
        answers = [(number, path) for number, _, path in answers_of_kind(lake, source, "wellness", seen.upto)]
        if pages := sorted(_pages_since(lake, source, seen.upto)) + answers:
            for number, page in pages:
                seen.upto = max(seen.upto, number)
                with suppress(OSError, DamagedFileError, UnreadableRowError):  # reading the listing says so
                    content = unpacked_json(page)
                    if (number, page) in answers:
                        kept = read_kept(content)
                        Shape(source, seen.paths).add(kept.content, kept.part)
                    else:
                        _add(seen, source, content)
            with suppress(OSError):  # a full disk: the next run looks at them again
                write_whole(path, seen.model_dump_json().encode())
    return seen


def _pages_since(lake: Lake, source: str, number: int) -> Iterator[tuple[int, Path]]:
    """The number and file of each page of a list; answers about single activities have other shapes."""
    for listing in listings(lake, source):
        if listing.manifest.window.mode not in ("event", "feed", "import"):
            for page in listing.manifest.pages:
                if (page.landed or 0) > number and not page.lost:
                    yield page.landed or 0, listing.folder / page.file


def _add(seen: Seen, source: str, content: Any) -> None:
    spec = spec_of(source)
    Shape(source, seen.paths).add(content)
    activities = spec.read_page(content).activities
    seen.rows += len(activities)
    if "gear" in spec.kinds:
        seen.gear |= {str(each["gear_id"]) for each in activities if each.get("gear_id")}
    name, mapped = _mapped_sports(source)
    sports = [str(each[name]) for each in activities if each.get(name) and NOT_COUNTED not in each]
    seen.sports.update(sport for sport in sports if sport not in mapped)


def _mapped_sports(source: str) -> tuple[str, Collection[str]]:
    return spec_of(source).sport_words or ("sport_type", GROUP_OF)


def shape_report(lake: Lake, source: str) -> dict[str, Any]:
    """The differences between a source's answers and its record, with unmapped sports and gear."""
    seen = seen_of(lake, source)
    found = known_shape(source).differences(Shape(source, seen.paths))
    _, mapped = _mapped_sports(source)
    known = {key for name, key, _, _ in items_of_kind(lake, "gear") if name == source} if seen.gear else set()
    return {
        "rows": seen.rows,
        "never_came": found.never_came,
        "other_types": found.other_types,
        "unmapped_sports": {sport: count for sport, count in seen.sports.items() if sport not in mapped},
        "unmapped_gear": sorted(seen.gear - known),
        "unknown_fields": found.unknown,
        "paths": seen.paths,
    }


def shape_finding(lake: Lake, source: str) -> Finding:
    """The finding of a source's check `shape`. Merely unknown fields break nothing: they stay in `extra`."""
    report = shape_report(lake, source)
    found = {name: value for name, value in report.items() if name == "rows" or (value and name != "paths")}
    broken = [name for name in found if name not in ("rows", "unknown_fields")]
    advice = (
        f"{spec_of(source).title} answers otherwise than expected: {', '.join(broken).replace('_', ' ')}. What came is kept. "
        f"`strava-pipeline providers check {source} --out shape.json` writes what the answers look like, and no value of them, "
        "for the maintainers of this program."
    )
    return Finding(SHAPE, not broken, found, advice if broken else "", refuses=False)
