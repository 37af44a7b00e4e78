"""A believable athlete made from a seed: years of training that never happened, the same for every service.

Pure functions: no HTTP, no clock. How a service presents an activity belongs to the service's own folder.
"""
