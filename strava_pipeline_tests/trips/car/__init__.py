"""Tests of trips by car, and made-up phones and cars."""
