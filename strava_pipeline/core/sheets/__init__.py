"""A person's own table of activities: its cells, its header, its rows, and how rows are recognised. Pure.

Cells are JSON: text, numbers, true and false as they are; a time is an object, see cells.py. Which programs write such
tables, and how their files are read, is not known here.
"""
