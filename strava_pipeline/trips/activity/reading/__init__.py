"""Encrypted trips: their sources, the keys that decrypt them, and the bundles that come of them. Read only.

What a trip measures and how it is judged is rules/'s. Nothing decrypted is written or logged here.
"""
