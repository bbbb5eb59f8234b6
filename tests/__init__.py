"""The tests of Grove Console."""
