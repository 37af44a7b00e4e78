"""Garmin Connect on this machine: its pages, its errors, and an athlete as it knows them."""
