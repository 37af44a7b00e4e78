"""Ride with GPS as its clients see it: the documented interface, and what of the web site's own one is read."""
