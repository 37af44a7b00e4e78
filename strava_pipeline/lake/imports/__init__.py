"""A person's imports: the bytes and manifests in bronze, the results of reading them, and their way into the warehouse."""
