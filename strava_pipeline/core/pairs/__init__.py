"""Recordings of one effort by different devices: the shift between their clocks, their agreement, and the error of each. Pure."""
