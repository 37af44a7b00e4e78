"""Car trips: a phone's events during a drive, their user, the answers of cars and routers; and a tracker that
recognises trips in these, one event at a time.

No clock, no network, no storage: times, answers and the saving of a trip are arguments.
"""
