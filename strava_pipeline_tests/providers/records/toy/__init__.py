"""A toy service, as a source's folder holds it."""
