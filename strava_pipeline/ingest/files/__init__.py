"""Activity files: FIT, GPX, TCX and KML bytes become `core.files` records.

Bytes come in as an argument: no folders, archives or bronze here.
"""
