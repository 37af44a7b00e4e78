"""A manifest says what a shelf held; a chain of them adds up."""

import zlib
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from strava_pipeline.core.copies.manifests import (
    CopiedFile,
    Manifest,
    Piece,
    folded,
    manifest_bytes,
    manifest_of,
    without_waste,
)
from strava_pipeline.core.copies.sealing import UnreadableObjectError

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def file(*pieces: Piece) -> CopiedFile:
    return CopiedFile(sum(piece.size for piece in pieces), 1, "00", pieces)


FIRST = Manifest("own", 1, AT, 1, {"a": file(Piece("x", 0, 5)), "b": file(Piece("x", 5, 5))}, frozenset(), {"x": 10})
SECOND = Manifest("own", 2, AT, 1, {"c": file(Piece("y", 0, 3))}, frozenset({"a"}), {"y": 3})


def test_a_manifest_is_what_it_was_written_as() -> None:
    for one in (FIRST, SECOND):
        assert manifest_of(manifest_bytes(one), "own", one.number) == one


def test_a_chain_adds_up() -> None:
    both = folded([FIRST, SECOND])
    assert both.files == {"b": FIRST.files["b"], "c": SECOND.files["c"]}
    assert (both.number, both.base, both.sizes) == (2, 1, {"x": 10, "y": 3})


def test_files_that_share_a_block_with_something_else_are_put_again() -> None:
    assert without_waste(FIRST.files, FIRST.sizes) == FIRST.files
    of_two = {"b": file(Piece("x", 5, 5), Piece("y", 0, 3)), "c": file(Piece("y", 3, 3)), "d": file(Piece("z", 0, 1))}
    assert without_waste(of_two, {"x": 10, "y": 6, "z": 1}).keys() == {"d"}  # for `y` would lose what `b` has in it


@pytest.mark.parametrize("name", ["../up", "/root", "a/../../b", "", "a\0b"])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    odd = replace(FIRST, files={name: file()}, sizes={})
    with pytest.raises(UnreadableObjectError):
        manifest_of(manifest_bytes(odd), "own", 1)


def test_rubbish_and_another_manifest_are_refused() -> None:
    for content in (b"", b"rubbish", zlib.compress(b"[]"), zlib.compress(orjson.dumps({"shelf": "own"}))):
        with pytest.raises(UnreadableObjectError):
            manifest_of(content, "own", 1)
    for shelf, number in (("api", 1), ("own", 2)):
        with pytest.raises(UnreadableObjectError):
            manifest_of(manifest_bytes(FIRST), shelf, number)
