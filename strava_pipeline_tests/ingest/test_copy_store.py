"""The store of a copy: put once, read, listed, deleted, in a folder and in a bucket, and errors that say what to do."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.ingest.copy_store import StoreError, open_store
from strava_pipeline.settings import Settings
from strava_pipeline_tests import s3
from strava_pipeline_tests.s3 import ACCESS, S3, SECRET


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3]:
    with s3.started() as server:
        yield server


def settings(url: str, **more: str) -> Settings:
    return Settings.load(_env_file=None, mirror_url=url, **more)


@pytest.mark.parametrize("kind", ["folder", "file", "s3"])
def test_objects_are_put_once_read_listed_and_deleted(kind: str, tmp_path: Path, bucket: S3) -> None:
    url = {"folder": str(tmp_path / "copy"), "file": f"file://{tmp_path}/copy", "s3": "s3://objects/below/this"}[kind]
    bucket.make("objects")
    store = open_store(settings(url, **bucket.settings), new=True)
    assert (store.sizes(), store.get("a/b")) == ({}, None)
    assert store.put_new("a/b", b"first")
    assert not store.put_new("a/b", b"second")
    assert store.put_new("a/c", b"")
    assert (store.get("a/b"), store.sizes(), store.sizes("a/")) == (
        b"first",
        {"a/b": 5, "a/c": 0},
        {"a/b": 5, "a/c": 0},
    )
    store.put("a/b", b"an export's")
    assert store.get("a/b") == b"an export's"
    store.delete(["a/b", "a/c"])
    assert (store.sizes(), store.keeps_versions) == ({}, False)


def test_versions_that_a_bucket_keeps_are_noticed(bucket: S3) -> None:
    store = open_store(settings(bucket.make("versioned", versions=True), **bucket.settings))
    store.put_new("a", b"first")
    assert store.keeps_versions
    again = open_store(settings("s3://versioned/folder", **bucket.settings))
    again.get("a")
    assert again.keeps_versions


def test_an_error_says_what_failed_and_nothing_secret(bucket: S3) -> None:
    for url, more, message in (
        ("s3://not-there/x", {}, "NoSuchBucket"),
        ("s3://objects/x", {"aws_endpoint_url": "http://127.0.0.1:1"}, "error sending request"),
    ):
        with pytest.raises(StoreError) as found:
            open_store(settings(url, **{**bucket.settings, **more})).put_new("a", b"content")
        text = str(found.value)
        assert url in text
        assert message in text
        assert "\n" not in text
        assert not any(secret in text for secret in (ACCESS, SECRET, "content"))


def test_places_that_can_not_be_used_are_refused(tmp_path: Path, bucket: S3) -> None:
    with pytest.raises(MissingSettingsError, match="MIRROR_URL is not set"):
        open_store(Settings.load(_env_file=None))
    with pytest.raises(MissingSettingsError, match="PLAIN_HTTP_HOSTS"):
        open_store(settings("s3://bucket", aws_endpoint_url="http://storage.example.com"))
    for endpoint in ("https://me:passw0rd@storage.example.com", "https://storage.example.com/?key=passw0rd"):
        with pytest.raises(MissingSettingsError, match="AWS_ENDPOINT_URL") as told:
            open_store(settings("s3://bucket", aws_endpoint_url=endpoint))
        assert "passw0rd" not in str(told.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingSettingsError, match="can't be used for the copy"):
        open_store(settings(str(tmp_path / "file")), new=True)
    with pytest.raises(MissingSettingsError, match="There is no folder"):
        open_store(settings(str(tmp_path / "typo")))
    for url in ("ftp://host/x", "s3://", "s3://user:secret@host/x", "https://host/x"):
        with pytest.raises(MissingSettingsError, match="MIRROR_URL: neither a folder nor a bucket") as found:
            settings(url)
        assert "secret" not in str(found.value)


def test_nobody_without_a_copy_loads_obstore() -> None:
    """What `flow` loads: the definitions, with all their assets and operations."""
    settings = "Settings.load(_env_file=None, mirror_url=None, export_url=None)"
    load = f"from strava_pipeline.orchestrate.build import build_defs; from strava_pipeline.settings import Settings; build_defs({settings})"
    loaded = (
        f"import sys; {load}; print(*(name for name in sys.modules if name.startswith(('obstore', 'strava_pipeline'))))"
    )
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert "strava_pipeline.orchestrate.build" in found
    assert [name for name in found if name.startswith("obstore") or "copies" in name or "copy" in name] == []
