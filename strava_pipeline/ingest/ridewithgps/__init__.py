"""Ride with GPS: the client, and what keeps it to what the service offers."""
