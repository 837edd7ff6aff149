"""Measurements: programs to run by hand, not tests."""
