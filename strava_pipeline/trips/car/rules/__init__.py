"""Car trips: what a phone sends during a drive, which user it belongs to, and what cars and routers answer to it; and a tracker
that recognises trips in these, one event at a time.

No clock, no network, no storage: times, answers and the saving of a trip are arguments.
"""
