"""A table of activities that a person keeps: what its cells hold, its header, its rows, and how rows are recognised. Pure.

Cells are JSON: text, numbers, true and false as they are; a time as an object, see cells.py. Which programs write such tables,
and how their files are read, is not known here.
"""
