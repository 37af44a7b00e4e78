"""Pings: what a phone sends during a drive, which user it belongs to, and the answers of cars and routers to it. Pure.

What a ping does to a trip is core/trips/car's.
"""
