"""Changes at services: how the sources of an effort compare, what is proposed, and what became of a proposal. Pure.

Nothing here writes anywhere. A change is written by ingest/NAME/writes.py, after a person approved it (operations/changes).
"""
