"""The warehouse: its file, what is merged into it, what follows from it, and how it is published."""
