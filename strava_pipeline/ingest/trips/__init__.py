"""Encrypted trips: where they lie, the keys that open them, and the bundles they come out as. Read only.

What a trip measures and what is thought of it is core/trips/activity's. Nothing decrypted is written or logged here.
"""
