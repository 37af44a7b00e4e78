"""What a person imported: the bytes and manifests in bronze, what reading them came to, and its way into the warehouse."""
