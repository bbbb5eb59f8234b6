"""Measurements: `make bench` compares the engine with hand-written SQL that does the same, in one run."""
