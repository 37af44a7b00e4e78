"""Activity files: FIT, GPX and TCX bytes become `core.files` records.

Bytes come in as an argument: no folders, archives or bronze here.
"""
