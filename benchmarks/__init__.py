"""What is fast: the product's stages beside a floor program that does the bare work with the same libraries.

`python -m benchmarks` (or `make bench`) runs all. Each stage runs in a process of its own, against an emulator in another one.
No part of the product, and no test: nothing here asserts a duration.
"""
