"""The store of the second copy or of exports: a folder, or a bucket of S3, GCS or what speaks S3. Only this module knows obstore.

Objects are put whole, and those of a copy never over another one. What an object holds, and whether a store
can be believed, is not known here.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.setting_values import http_url
from strava_pipeline.settings import Settings

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError
    from obstore.store import LocalStore, ObjectStore, from_url
except ModuleNotFoundError:
    raise MissingSettingsError(
        f"A second copy, and an export to a bucket, need obstore, which is not installed. Type: {sys.executable} -m pip install "
        "'strava_pipeline[mirror]'"
    ) from None

_CODE = re.compile(r"<Code>(\w+)</Code>")  # S3's own name of an error
_ROLES = "169.254.169.254"  # where Amazon's machines ask for their keys
_CLIENT = {"timeout": "15m", "connect_timeout": "15s"}  # 8 MB at 100 kbit/s take 11 minutes
_RETRIES: Any = {"max_retries": 4, "retry_timeout": timedelta(minutes=2)}


class StoreError(PipelineError):
    """The store did not do what it was asked for."""


class CopyStore:
    """Objects by their paths. `calls` counts what was asked; of a listing, its pages of 1,000.

    `keeps_versions`: whether an answer showed that what is deleted stays there as an old version.
    """

    def __init__(self, store: ObjectStore, where: str) -> None:
        self._store, self.where = store, where
        self.calls: Counter[str] = Counter()
        self.keeps_versions = False

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """The objects below a prefix, with their sizes in bytes."""
        found: dict[str, int] = {}
        with self._explained("list"):
            for page in obstore.list(self._store, prefix or None, chunk_size=1000):
                found |= {each["path"]: each["size"] for each in page}
        self.calls["list"] += max(1, -(-len(found) // 1000))
        return found

    def put_new(self, path: str, content: bytes) -> bool:
        """Put an object; False: there is one already, and it stays."""
        self.calls["put"] += 1
        with self._explained("put"):
            try:
                result = obstore.put(self._store, path, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        self._note_version(result["version"])
        return True

    def put(self, path: str, content: bytes) -> None:
        """Put an object, in place of one that is there: for exports alone."""
        self.calls["put"] += 1
        with self._explained("put"):
            obstore.put(self._store, path, content, use_multipart=False)

    def get(self, path: str) -> bytes | None:
        """The content of an object; None: there is none."""
        self.calls["get"] += 1
        with self._explained("get"):
            try:
                result = obstore.get(self._store, path)
                self._note_version(result.meta["version"])
                return bytes(result.bytes())
            except FileNotFoundError:
                return None

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects that are there."""
        if gone := sorted(paths):
            self.calls["delete"] += -(-len(gone) // 1000)
            with self._explained("delete"):
                obstore.delete(self._store, gone)

    def delete_unfinished(self, place: str) -> None:
        """In a folder, delete what killed processes left of an object, or of those below a place: no listing shows that."""
        if "://" not in self.where:
            with self._explained("delete"):
                folder, _, name = f"{self.where}/{place}".rpartition("/")
                for path in Path(folder).rglob(f"{name}#*"):
                    if path.name.rpartition("#")[2].isdecimal():
                        path.unlink(missing_ok=True)

    def _note_version(self, version: str | None) -> None:
        """S3 names a version only where it keeps versions; GCS always does, and a folder never."""
        self.keeps_versions |= self.where.startswith("s3://") and version not in (None, "null")

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            why = str(error).partition("\n")[0].partition(": <?xml")[0].strip().rstrip(".")
            if named := _CODE.search(str(error)):
                why += f" ({named[1]})"
            if _ROLES in str(error):
                why = (
                    "no keys are set (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), and this machine has no role at Amazon"
                )
            raise StoreError(f"The store of the copy, {self.where}, failed ({what}): {why}.") from None


def open_store(settings: Settings, *, new: bool = False) -> CopyStore:
    """The store at MIRROR_URL. Nothing is asked of it yet; a folder is made where it may be `new`.

    Raises MissingSettingsError where nothing names a store, or one that can't be used.
    """
    where = settings.mirror_url
    if where is None:
        raise MissingSettingsError(
            "MIRROR_URL is not set, so there is no second copy. Name a folder on another disk or a bucket in .env, for example "
            "MIRROR_URL=s3://bucket/folder (docs/copies.md)."
        )
    if "://" not in where:
        return CopyStore(_folder(Path(where), new=new), where)
    config = {
        name: value
        for name, value in (
            ("aws_access_key_id", _plain(settings.aws_access_key_id)),
            ("aws_secret_access_key", _plain(settings.aws_secret_access_key)),
            ("aws_region", settings.aws_region),
            ("aws_endpoint_url", settings.aws_endpoint_url),
        )
        if value and where.startswith("s3://")
    }
    try:
        if endpoint := config.get("aws_endpoint_url"):
            http_url(endpoint, settings.plain_http_hosts)
            if not {"@", "?"}.isdisjoint(endpoint):  # errors name the address
                raise ValueError("AWS_ENDPOINT_URL is the address alone, without a user, a password or parameters")
        allowed: Any = {**_CLIENT, "allow_http": bool(endpoint and endpoint.startswith("http://"))}
        store: Any = from_url(where, config=config, client_options=allowed, retry_config=_RETRIES)  # type: ignore[call-overload]
    except (BaseError, ValueError) as error:
        raise MissingSettingsError(f"{where} can't be used: {str(error).partition(chr(10))[0]}") from None
    return CopyStore(store, where)


def _plain(secret: Any) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _folder(folder: Path, *, new: bool) -> LocalStore:
    if not (folder.parent if new else folder).is_dir():
        raise MissingSettingsError(
            f"There is no folder {folder.parent if new else folder}. Is the disk of the copy mounted?"
        )
    try:
        return LocalStore(folder, automatic_cleanup=True, mkdir=new)
    except (BaseError, OSError, ValueError) as error:  # a file, or not permitted
        why = str(error).partition("\n")[0]
        raise MissingSettingsError(
            f"{folder} can't be used for the copy: {why}. MIRROR_URL names the folder."
        ) from None
