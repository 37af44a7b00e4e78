"""Manifests of listings as they stand on disk, parsed once for as long as the file is the same: runs read them many times."""

import threading
from pathlib import Path

from strava_pipeline.lake.manifests import Manifest

_REMEMBERED = 16_384  # manifests, some kilobytes each: ten years of daily runs, with a listing of events for each day


class _Parsed:
    """The manifests that were read last: of each file what stands in it now, and never what stood there before."""

    def __init__(self) -> None:
        self._manifests: dict[Path, tuple[tuple[int, ...], Manifest]] = {}  # by file; the one added last comes last
        self._lock = threading.Lock()
        self.saved = (
            0  # how many manifests this process has written: what was worked out before the last one is outdated
        )

    def manifest(self, path: Path) -> Manifest:
        found = path.stat()  # a manifest is replaced by another file, never written into
        identity = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        known = self._manifests.get(path)
        if known is not None and known[0] == identity:
            return known[1]
        manifest = Manifest.model_validate_json(path.read_bytes())
        with self._lock:
            self._manifests.pop(path, None)
            if len(self._manifests) >= _REMEMBERED:
                del self._manifests[next(iter(self._manifests))]
            self._manifests[path] = (identity, manifest)
        return manifest


PARSED = _Parsed()
