"""Garmin Connect on this machine: its pages, its errors, and an athlete's data there."""
