"""Commands of Grove Console."""
