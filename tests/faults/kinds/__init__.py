"""The kinds of faults; each module lists its own."""
