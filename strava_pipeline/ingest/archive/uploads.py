"""The zips of recordings nested in Garmin's export of an account, and which of their files are activities.

Most of the files are a watch's all-day data, sleep, or its settings. The first message of a FIT file tells.
"""

import re

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive.entry import Entry, UnreadableEntryError

_ZIP = re.compile(r"(^|/)DI-Connect-Uploaded-Files/[^/]+\.zip$", re.IGNORECASE)
_WITHIN = re.compile(r"(^|/)DI-Connect-Uploaded-Files/", re.IGNORECASE)
_ADDRESS = re.compile(r"[^/@]+@[^/]+_(?=\d+\.\w+$)")  # whose it is stands before a file's number
_HEAD = 1024  # bytes in which the first message of a FIT file stands


def holds_uploads(name: str) -> bool:
    """Whether a nested archive is one of Garmin's zips of recordings."""
    return _ZIP.search(name) is not None


def is_in_uploads(name: str) -> bool:
    """Whether an entry lies in such a zip, or came from one."""
    return _WITHIN.search(name) is not None


def without_address(name: str) -> str:
    """The name of a recording without the mail address of its owner."""
    return _ADDRESS.sub("", name)


def may_be_activity(entry: Entry) -> bool:
    """Whether a recording is an activity, or doesn't tell. Unreadable ones are reported where they are kept."""
    from strava_pipeline.ingest.files.fit_bytes import Part  # the decoder takes a while to import
    from strava_pipeline.ingest.files.fit_messages import read_messages

    if not entry.name.lower().endswith(".fit"):
        return True
    try:
        head = entry.read()[:_HEAD]
    except UnreadableEntryError:
        return True
    return str(read_messages(Part(head), ImportLimits(points=_HEAD)).file_id.get("type", "activity")) == "activity"
