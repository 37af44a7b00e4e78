"""Activity files: FIT, GPX and TCX bytes become `core.files` records. No folders, archives or bronze here: bytes come in as an argument."""
