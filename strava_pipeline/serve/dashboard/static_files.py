"""Scripts, styles and pictures: below an address that identifies their content, so that browsers cache them for ever.

A hash of all files precedes their names, as in `/static/1f2e3d4c5b6a/vendor/leaflet/leaflet.css`: a relative reference
in a file, such as a picture in a style, is cached with it. Without the hash they also work, but are requested each
time.
"""

import gzip
import os
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import strava_pipeline.core.insights as insights
from strava_pipeline.serve.dashboard.routes import HERE, STATIC

FOLDERS = (HERE / "static", Path(insights.__file__).parent / "page" / "style")  # the latter for charts, as in a report
FOR_EVER = "public, max-age=31536000, immutable"  # a year, which RFC 9111 once had as the most
_TEXTS = ("text/", "application/javascript", "application/json", "application/geo+json", "image/svg+xml")


@cache
def content_hash() -> str:
    """The hash of the names and bytes of all files, as of this process's first request."""
    found = blake2b(digest_size=6)
    for folder in FOLDERS:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            body = path.read_bytes()
            found.update(f"{path.relative_to(folder).as_posix()}\0{len(body)}\0".encode() + body)
    return found.hexdigest()


@cache
def static_address(name: str) -> str:
    """The address of a file in the folders, for templates. Raises FileNotFoundError, so that no page names what isn't there."""
    if not any((folder / name).is_file() for folder in FOLDERS):
        raise FileNotFoundError(name)
    return f"{STATIC}/{content_hash()}/{name}"


class HashedFiles(StaticFiles):
    """The folders, with and without the hash before a name. Texts are packed once, for browsers that accept that."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDERS[0])
        self.all_directories = [*FOLDERS]

    async def get_response(self, path: str, scope: Scope) -> Response:
        first, _, name = path.partition("/")
        if first != content_hash():
            return await super().get_response(path, scope)
        answer = await super().get_response(name, scope)
        answer.headers["Cache-Control"] = FOR_EVER
        return answer

    def file_response(
        self, full_path: os.PathLike[str] | str, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        asked = Headers(scope=scope)
        if not isinstance(answer, FileResponse) or not (answer.media_type or "").startswith(_TEXTS):
            return answer
        answer.headers.add_vary_header("Accept-Encoding")
        if "gzip" not in asked.get("accept-encoding", "") or "range" in asked:
            return answer
        headers = {
            name: value for name, value in answer.headers.items() if name not in ("content-length", "accept-ranges")
        }
        headers |= {"content-encoding": "gzip", "etag": f"W/{headers['etag']}"}  # equal in content, not in bytes
        return Response(_packed(Path(full_path), stat_result.st_mtime_ns), status_code, headers)


@lru_cache(maxsize=64)
def _packed(path: Path, changed_at: int) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)
