"""Pings: what a phone sends while it is driven about, whose it is, and what was answered because of it. Pure.

What a ping does to a trip is core/trips/car's.
"""
