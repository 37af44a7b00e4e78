"""A file's bytes to what is kept of them: its reading and the points of each of its sessions. Lands nothing."""

import hashlib
from datetime import datetime

import polars as pl

from strava_pipeline.core.files.recording import Reading, reading_of
from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.files.sniff import read_unpacked, unpack
from strava_pipeline.ingest.files.zone import zone_of


def read_whole(
    body: bytes, name: str, received_at: datetime, limits: ImportLimits = ImportLimits()
) -> tuple[Reading, list[pl.DataFrame]]:
    """What `read_unpacked` finds, and whose points where; nothing that a file holds raises."""
    unpacked, flags = unpack(body, limits)
    read = read_unpacked(unpacked, flags, name, received_at, limits)
    zones = [(zone.name, zone.utc_offset_s) if (zone := zone_of(each)) else (None, None) for each in read.recordings]
    content = hashlib.sha256(unpacked).hexdigest()
    return reading_of(read, content, zones), [each.track for each in read.recordings]
