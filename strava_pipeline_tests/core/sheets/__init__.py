"""Tests of core/sheets."""
