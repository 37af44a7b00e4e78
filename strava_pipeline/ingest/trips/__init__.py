"""Encrypted trips: their sources, the keys that decrypt them, and the bundles that come of them. Read only.

What a trip measures and how it is judged is core/trips/activity's. Nothing decrypted is written or logged here.
"""
