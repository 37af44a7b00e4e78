"""The warehouse: its file, merging into it, derived tables, and publishing."""
