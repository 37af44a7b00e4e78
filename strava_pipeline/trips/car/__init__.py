"""Trips by car: pings of phones, the answers of their cars, and the trips that a tracker recognises in both."""
