"""What activity files and export archives hold, as records. Pure: bytes are read in `ingest/files/` and
`ingest/archive/`.
"""
