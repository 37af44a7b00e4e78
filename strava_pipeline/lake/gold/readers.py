"""Access to the published file: anyone with access to its folder, and the group STRAVA_DATA_GROUP (docs/adr/0084)."""

import os
import stat
from pathlib import Path

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.paths import Lake


def let_read(lake: Lake, file: Path) -> None:
    """Make a file that is about to be published read-only, and readable for its readers. A new folder admits only its owner."""
    readers = lake.snapshot.parent.stat().st_mode & 0o011
    file.chmod(0o400 | readers << 2)
    share(lake, file)


def share(lake: Lake, file: Path) -> None:
    """Let the members of STRAVA_DATA_GROUP, if set, reach and read the published file."""
    if lake.group is None or not file.exists():
        return
    for path, mode in ((lake.data_dir, 0o750), (lake.snapshot.parent, 0o750), (file, 0o440)):
        found = path.stat()
        if (found.st_gid, stat.S_IMODE(found.st_mode)) == (lake.group, mode):
            continue
        try:
            os.chown(path, -1, lake.group)
            path.chmod(mode)
        except PermissionError:
            raise PipelineError(
                f"{path} can't be given to the group that STRAVA_DATA_GROUP names: it belongs to another user, or its owner is "
                "not in that group. Add the owner (`sudo usermod -aG GROUP USER`, then log in again), or unset the setting."
            ) from None
