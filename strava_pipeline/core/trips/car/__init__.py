"""Car trips: a tracker that recognises trips from a phone's pings and a car's answers, one event at a time.

No clock, no network, no storage: times, answers and the saving of a trip are arguments.
"""
