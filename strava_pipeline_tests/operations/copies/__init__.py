"""Tests of the second copy, against restic itself."""
