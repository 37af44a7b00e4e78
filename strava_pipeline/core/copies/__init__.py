"""The second copy as bytes: how it is sealed with a key, and the manifests that say which files it holds."""
