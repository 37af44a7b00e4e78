"""Activity trips: the bundle of one trip, its metrics, the verdict and why, and the replay of an algorithm.

No keys, no database, no files: bundles come in decrypted from reading/.
"""
