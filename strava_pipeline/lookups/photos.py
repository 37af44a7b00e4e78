"""Pictures on disk that archives name for an activity: their bytes, if a browser can show them."""

from dataclasses import dataclass

from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.files import is_stored, peeked_bytes
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.rows import Values, rows_of

MOST_BYTES = 50_000_000  # bytes of a picture: a camera's largest JPEG has half of it
_HEAD = 12  # bytes that say what a file is
_BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def picture(connection: Connection, lake: Lake, activity_id: int, digest: str) -> tuple[str, bytes] | None:
    """The media type, by content, and the bytes of a picture of an activity, or None if it has no displayable one of
    this hash.
    """
    photos = {row["sha256"] for row in rows_of(connection, "photos_of_activity", {"id": activity_id})}
    body = peeked_bytes(lake, digest, MOST_BYTES) if digest in photos else None
    kind = media_type(body) if body is not None else None
    return (kind, body) if kind is not None and body is not None else None


def photos_on_disk(connection: Connection, lake: Lake, activity_id: int) -> dict[str, Values]:
    """By the hash of their bytes, the pictures of an activity: `name`, `size` in bytes, `is_shown`: a browser can show it."""
    found: dict[str, Values] = {}
    for row in rows_of(connection, "photos_of_activity", {"id": activity_id}):
        head = peeked_bytes(lake, row["sha256"], _HEAD, whole=False)
        if head is not None or is_stored(lake, row["sha256"]):  # a damaged one is on disk, too
            is_shown = head is not None and media_type(head) is not None
            found[row["sha256"]] = {"name": row["name"], "size": row["size"], "is_shown": is_shown}
    return found


def media_type(body: bytes) -> str | None:
    """The media type of a picture by its first bytes (WHATWG's MIME Sniffing, 6.1), or None if not every browser shows it."""
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for begins, kind in _BEGINNINGS.items() if body.startswith(begins)), None)


@dataclass(frozen=True, slots=True)
class YearPhotos:
    """Displayable pictures of a year's activities, the newest first, by the hash of their bytes.

    Each has its activity's `activity_id`, `title`, `start_date_local`. `left`: how many more are on disk.
    """

    photos: dict[str, Values]
    left: int


def photos_of_year(connection: Connection, lake: Lake, athlete_id: int, year: int, *, most: int = 24) -> YearPhotos:
    """The newest pictures of a local year, at most `most`, because each file is opened to find its type."""
    rows = rows_of(connection, "photos_of_year", {"athlete_id": athlete_id, "year": year, "most": most})
    heads = {row["sha256"]: peeked_bytes(lake, row["sha256"], _HEAD, whole=False) for row in rows}
    shown: dict[str, Values] = {
        row["sha256"]: row
        for row in rows
        if (head := heads[row["sha256"]]) is not None and media_type(head) is not None
    }
    return YearPhotos(shown, rows[0]["all_of_them"] - len(rows) if rows else 0)
