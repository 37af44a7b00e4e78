"""Ride with GPS as its clients see it: the documented interface, and the parts of the web site's own one that are used."""
