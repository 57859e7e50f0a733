"""Measurements: `make bench` runs them all and prints the tables that bench/RESULTS.md keeps."""
