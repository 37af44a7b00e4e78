"""Encrypted trips: their sources, the keys that decrypt them, and the resulting bundles. Read only.

Measuring and judging a trip is rules/'s. Nothing decrypted is written or logged here.
"""
