"""Activity trips: the bundle of one trip, its metrics, its verdict with reasons, and the replay of an algorithm.

No keys, no database, no files: bundles come in decrypted from reading/.
"""
