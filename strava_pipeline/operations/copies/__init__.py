"""The second copy: made, checked, restored and deleted. Its bytes are core/copies', its store ingest/copy_store's."""
