"""Pings: what a phone sends while it is driven about, who it belongs to, and what was answered because of it. Pure.

What a ping does to a trip is core/trips/car's.
"""
