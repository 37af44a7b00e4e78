"""Ride with GPS: the client, and its restriction to the service's offers."""
