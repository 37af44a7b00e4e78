"""Whatever a service's pages look like: a purged activity leaves them, the others stay, and no later page holds it."""

import hashlib
import re

from strava_pipeline.core.copies import OWN
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.lake.bronze.expired import Expired
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.copied import find, lost_files
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.imports.files import stored_bytes
from strava_pipeline.lake.providers import land_provider_file
from strava_pipeline.lake.purged_activities import remove_activities
from strava_pipeline.operations.purging import plan_purge_of
from strava_pipeline_tests.contents import unpacked
from strava_pipeline_tests.providers.worlds import World, five


def test_it_leaves_every_page_and_comes_in_by_none(world: World) -> None:
    keys, lake, name = five(world.subject), world.run().lake, world.subject.name
    gone = hashed_id(name, keys[2])

    def pages_with(text: str) -> set[str]:
        pages = [*lake.providers.rglob("*.json.gz")]
        return {page.name for page in pages if any(text.encode() in content for content in unpacked(page))}

    def tell_of(key: object) -> set[str]:
        """The files of bronze and decisions with its id at the service, in whatever field, and in their names."""
        alone = re.compile(rf"(?<![\w-]){re.escape(str(key))}(?![\w-])".encode())
        files = [path for place in (lake.bronze, lake.decisions) for path in place.rglob("*") if path.is_file()]
        return {str(path) for path in files if any(map(alone.search, (bytes(path), *unpacked(path))))}

    def originals() -> int:
        return len([*lake.providers.glob("*/originals/*")])

    def rows() -> list[set[int]]:
        every = [listing for listing in listings(lake, name) if listing.manifest.complete]
        return [{each["id"] for _, activities in one.pages() for each in activities} for one in every]

    world.listed()
    world.fetch_files()
    assert pages_with("ride 3")
    assert tell_of(keys[2])
    assert originals() == (not world.by_calls)
    run = world.run()
    record_decisions(lake, Expired(at=run.now(), by="a test", ids=[gone], purged=gone))
    had, whole = find(lake, OWN).files.keys(), tuple(plan_purge_of(lake, gone).files)
    assert len(whole) == originals()
    record_decisions(lake, Expired(at=run.now(), by="a test", ids=[gone], purged=gone, files=whole))
    remove_activities(lake, {gone}, (), run.years)
    assert lost_files(lake, had - find(lake, OWN).files.keys()) == [], "the second copy takes none of it for a loss"
    world.subject.clock.advance(90_000)
    world.listed()
    left = {hashed_id(name, key) for key in keys if key != keys[2]}
    assert (pages_with("ride 3"), tell_of(keys[2]) if world.by_calls else set()) == (set(), set())
    assert rows() == [left] * (2 if world.by_calls else 1), "a file that is as it was is not read again"
    world.subject.edit(keys[3], "ride 4, changed")
    world.listed()
    assert (pages_with("ride 3"), rows()[-1], originals()) == (set(), left, 0)
    assert world.by_calls or pages_with("ride 4, changed")
    land_provider_file(lake, name, min(left), "told later", None, "a.fit", b"the same file", run.now())
    digest = hashlib.sha256(b"the same file").hexdigest()
    remove_activities(lake, {gone}, {digest}, run.years)
    assert stored_bytes(lake, digest) == b"the same file", "another one tells of it now"
