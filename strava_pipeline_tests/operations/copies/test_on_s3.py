"""The whole way on S3, by moto: the calls that a run makes, what comes back, and what a purge leaves."""

from collections.abc import Iterator

import pytest

from strava_pipeline.ingest.copy_store import open_store
from strava_pipeline.operations.copies.deleting import delete_copy
from strava_pipeline_tests import s3
from strava_pipeline_tests.operations.copies.conftest import CONTENTS, World
from strava_pipeline_tests.s3 import S3


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3.started() as running:
        yield running


def test_a_copy_on_s3_comes_back_and_goes(world: World, server: S3) -> None:
    world.url = server.make("athlete")
    world.more |= server.settings
    first = world.mirror()
    assert first.calls == {
        "get": 2 + 3 * 2,
        "list": 2,
        "put": 1 + 3 * 2,
    }  # an object each for blocks, and for manifests
    assert world.mirror().calls == {"get": 1, "list": 1}
    world.write("data/decisions/later.jsonl", b"later")
    assert world.mirror().calls == {"get": 3, "list": 1, "put": 2}
    assert world.check().agrees
    assert world.restored("back") == CONTENTS | {"data/decisions/later.jsonl": b"later"}
    store = open_store(world.settings)
    assert delete_copy(world.lake, store) == 1 + 3 * 2 + 2
    assert (store.sizes(), store.keeps_versions) == ({}, False)


def test_a_bucket_that_keeps_versions_is_named(world: World, server: S3) -> None:
    world.url = server.make("with-versions", versions=True)
    world.more |= server.settings
    assert world.mirror().keeps_versions
    store = open_store(world.settings)
    delete_copy(world.lake, store)
    assert store.keeps_versions
