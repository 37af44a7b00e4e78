"""Bronze of imports: what came in together, a folder each with a manifest of which names the bytes had and what was wrong.

The bytes lie in file_store.py's. An import whose names and bytes (`digest`) are all those of an earlier one is that one,
unless their archives name different athletes: whoever lands looks first.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from strava_pipeline.lake.files import stamp, write_whole
from strava_pipeline.lake.paths import Lake

Role = Literal["list", "gear", "activity", "objects", "media"]


class ImportedFile(BaseModel):
    """A file by the name it had, with forward slashes. `held_back`: why it was kept but not read when it came."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    size: int
    role: Role
    held_back: str | None = None

    @property
    def is_readable(self) -> bool:
        """Whether it is an activity's, and not held back."""
        return self.role == "activity" and self.held_back is None


class ImportFault(BaseModel):
    """What could not be taken in, or looked odd; never a byte of content."""

    model_config = ConfigDict(frozen=True)

    name: str
    problem: str
    detail: str


class ImportManifest(BaseModel):
    """What stands in manifest.json. `came_as`: the last part of the path that a person named."""

    model_config = ConfigDict(frozen=True)

    came_as: str
    kind: str  # zip, folder or file
    salvaged: bool = False
    received_at: datetime
    athletes: dict[str, int] = {}  # whose each list of an archive is, by the list's name
    own_athlete: int | None = None  # whose recordings have plain ids in this folder, as known when this came in
    files: list[ImportedFile] = []
    faults: list[ImportFault] = []

    @property
    def athlete_id(self) -> int | None:
        """Whose all of it is, where that is one athlete."""
        return next(iter(self.athletes.values())) if len(set(self.athletes.values())) == 1 else None

    def names_only(self, athlete_id: int | None) -> bool:
        """Whether its archives are all of this athlete, or name nobody; also where there is none."""
        return set(self.athletes.values()) <= {athlete_id}

    @property
    def may_name_athletes(self) -> bool:
        """Whether something in it can say whose it is."""
        return bool(self.athletes) or any(file.role == "objects" for file in self.files)

    @property
    def has_list(self) -> bool:
        """Whether an archive's list of activities is among its files."""
        return any(file.role == "list" for file in self.files)


class Import:
    """One import's folder, and what its manifest says."""

    def __init__(self, name: str, manifest: ImportManifest) -> None:
        self.name, self.manifest = name, manifest

    @property
    def digest(self) -> str:
        return self.name.partition("-")[2]


def land_import(lake: Lake, manifest: ImportManifest) -> Import:
    """Put it on disk, when all its bytes are."""
    name = f"{stamp(manifest.received_at)}-{digest_of(manifest.files)}"
    write_whole(lake.imports / name / "manifest.json", manifest.model_dump_json(indent=1).encode())
    return Import(name, manifest)


def imports(lake: Lake) -> Iterator[Import]:
    """Every import in the order in which they came. A folder without a whole manifest is none."""
    for folder in sorted(lake.imports.iterdir()) if lake.imports.is_dir() else ():
        try:
            manifest = ImportManifest.model_validate_json((folder / "manifest.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            continue
        yield Import(folder.name, manifest)


def digest_of(files: Sequence[ImportedFile]) -> str:
    """Of names and bytes, whatever the order."""
    lines = sorted(f"{each.sha256} {each.name}" for each in files)
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
