"""A believable athlete made from a seed: years of training that never happened.

Pure functions: no HTTP, no clock, no state beyond the sketches of one world.
"""
