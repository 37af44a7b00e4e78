"""Trips that a phone or a car recorded: what they measure, and what is to be thought of them. Pure, like all of core."""
