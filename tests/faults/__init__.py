"""Injected faults: `make faults` kills, stops and starves the batch, and compares with a run without a fault."""
