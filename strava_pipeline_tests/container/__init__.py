"""What runs in a container: the files, the image, and what a container's user meets."""
