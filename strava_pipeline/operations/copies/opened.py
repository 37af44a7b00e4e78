"""A copy that was opened: its store, its seal, and what lies where in it.

    copy.json                  which copy it is, and whether it has a key
    <shelf>/manifests/<number> what the shelf held after a run
    <shelf>/blocks/<name>      bytes of files

What is put is read back and compared before anything relies on it: a store that says yes and keeps nothing, or something else, is
noticed at once.
"""

import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import orjson

from strava_pipeline.core.copies.manifests import Manifest, folded, manifest_bytes, manifest_of, nothing
from strava_pipeline.core.copies.sealing import NONCE_BYTES, Seal, UnreadableObjectError, key_of
from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.ingest.copy_store import CopyStore
from strava_pipeline.lake.copied import SHELVES, known_copy
from strava_pipeline.lake.paths import Lake
from strava_pipeline.settings import Settings

HEAD = "copy.json"
LOCK = "mirror"  # of the data folder, held by whoever works on its copy


class LyingStoreError(PipelineError):
    """The store said that it took an object, and does not have it, or has another one."""


class LostHeadError(PipelineError):
    """The object that says which copy it is, and whether it has a key, is missing or damaged. All else may be there."""


@dataclass(frozen=True, slots=True)
class OpenedCopy:
    """A copy. `id`: by which it is recognised."""

    store: CopyStore
    seal: Seal
    id: str

    def put(self, place: str, content: bytes, *, is_there: bool = False) -> None:
        """Put an object, unless `is_there`, and read it back.

        Raises LyingStoreError, or UnreadableObjectError where there is another object.
        """
        is_new = not is_there and self.store.put_new(place, self.seal.seal(place, content, os.urandom(NONCE_BYTES)))
        back = self.store.get(place)
        with suppress(UnreadableObjectError):
            if back is not None and self.seal.open(place, back) == content:
                return
        if is_new or back is None:
            raise LyingStoreError(
                f"The store of the copy, {self.store.where}, said that it took an object and "
                f"{'does not have it' if back is None else 'gave back another one'}. The copy can't be relied on: look at the "
                "disk or the bucket, then run `strava-pipeline mirror` again."
            )
        raise UnreadableObjectError(f"{place} of the copy is another object than the one that belongs there.")

    def put_block(self, shelf: str, content: bytes, listed: Mapping[str, int]) -> str:
        """Put a block, in place of a damaged one where there is one; its name. One that is `listed` is only read."""
        place = self.block(shelf, name := self.seal.name(content))
        try:
            self.put(place, content, is_there=listed.get(place) == len(content) + self.seal.overhead)
        except UnreadableObjectError:
            self.store.delete([place])
            self.put(place, content)
        return name

    def read(self, place: str) -> bytes:
        """The content of an object. Raises UnreadableObjectError where it is missing or damaged."""
        sealed = self.store.get(place)
        if sealed is None:
            raise UnreadableObjectError(f"{place} is missing in the copy.")
        return self.seal.open(place, sealed)

    def manifest(self, shelf: str, number: int) -> Manifest:
        """A manifest. Raises UnreadableObjectError."""
        return manifest_of(self.read(self.manifest_place(shelf, number)), shelf, number)

    def put_manifest(self, manifest: Manifest) -> None:
        """Put a manifest; PipelineError where somebody else put one of this number."""
        try:
            self.put(self.manifest_place(manifest.shelf, manifest.number), manifest_bytes(manifest))
        except UnreadableObjectError:
            raise PipelineError(
                f"Another folder or machine writes to the same copy, {self.store.where}. Give each its own MIRROR_URL. "
                "Nothing is lost."
            ) from None

    def held(self, shelf: str, number: int) -> Manifest:
        """All that a shelf held as of a manifest; nothing, where the number is 0. Raises UnreadableObjectError."""
        if number == 0:
            return nothing(shelf)
        last = self.manifest(shelf, number)
        before = [self.manifest(shelf, each) for each in range(last.base, number)]
        return folded([*before, last])

    @staticmethod
    def block(shelf: str, name: str) -> str:
        """Where a block lies."""
        return f"{shelf}/blocks/{name}"

    @staticmethod
    def manifest_place(shelf: str, number: int) -> str:
        """Where a manifest lies."""
        return f"{shelf}/manifests/{number:08d}"


def manifest_numbers(sizes: Mapping[str, int], shelf: str) -> list[int]:
    """The numbers of the manifests among the objects of a copy, in order."""
    places = (place.rpartition("/") for place in sizes)
    return sorted(int(name) for folder, _, name in places if folder == f"{shelf}/manifests" and name.isdecimal())


def seal_of(key_file: Path | None) -> Seal:
    """The seal by the key in a file; without a key where there is none to be. Raises MissingSettingsError."""
    if key_file is None:
        return Seal(None)
    try:
        text = key_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise MissingSettingsError(
            f"The key of the copy, {key_file}, can't be read ({why}). MIRROR_KEY_FILE names it; `strava-pipeline mirror key` "
            "makes a new one, which opens no copy that exists."
        ) from None
    return Seal(key_of(text, str(key_file)))


def head_of(store: CopyStore) -> tuple[str, str] | None:
    """The id of the copy in a store, and the check of its key (empty: it has none); None: the store is empty.

    Raises LostHeadError, or another PipelineError where something else is in it.
    """
    content = store.get(HEAD)
    if content is None:
        found = store.sizes()
        if found and not any(manifest_numbers(found, shelf) for shelf in SHELVES):
            raise PipelineError(f"{store.where} holds other things than a copy. Name an empty folder in MIRROR_URL.")
        if not found:
            return None
    try:
        head = orjson.loads(content or b"")
        identity, check, version = str(head["id"]), str(head["check"]), head["version"]
    except (ValueError, LookupError, TypeError):
        raise LostHeadError(
            f"{HEAD} of the copy in {store.where} is missing or damaged. `strava-pipeline mirror --adopt` writes it again; "
            "`strava-pipeline restore` does without it."
        ) from None
    if version != 1:
        raise PipelineError(f"The copy in {store.where} was made by a newer version of the program. Update this one.")
    return identity, check


def open_copy(store: CopyStore, seal: Seal) -> OpenedCopy | None:
    """The copy in a store; None: the store is empty.

    Raises as `head_of` does, and MissingSettingsError where the key is another one, or is missing.
    """
    if (head := head_of(store)) is None:
        return None
    identity, check = head
    if check and not seal.has_key:
        raise MissingSettingsError(
            f"The copy in {store.where} has a key, and none is named here. Name its file in MIRROR_KEY_FILE. Without it "
            "nobody can read the copy."
        )
    if not hmac.compare_digest(check, seal.check):
        raise MissingSettingsError(
            f"The copy in {store.where} was made {'with another key' if check else 'without a key'}. Name the key that "
            "belongs to it in MIRROR_KEY_FILE, or another place in MIRROR_URL for a copy with this key."
        )
    return OpenedCopy(store, seal, identity)


def begin_copy(store: CopyStore, seal: Seal) -> OpenedCopy:
    """A new copy in an empty store, or a new head of one that lost its own."""
    copy = OpenedCopy(store, seal, token_hex(8))
    head = orjson.dumps({"version": 1, "id": copy.id, "check": seal.check})
    store.put_new(HEAD, head)
    if store.get(HEAD) != head:
        raise LyingStoreError(
            f"The store of the copy, {store.where}, said that it took an object, and does not have it."
        )
    return copy


def own_copy(lake: Lake, store: CopyStore, settings: Settings) -> OpenedCopy:
    """The copy of this folder; PipelineError where there is none, or another one lies in the store."""
    copy, known = open_copy(store, seal_of(settings.mirror_key_file)), known_copy(lake)
    if copy is None:
        raise PipelineError(f"There is no copy in {store.where}. `strava-pipeline mirror` makes one.")
    if known is None or known.id != copy.id:
        raise PipelineError(
            f"The copy in {store.where} is another folder's, or `mirror` has not gone on with it from here."
        )
    return copy
