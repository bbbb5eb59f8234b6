"""Aggregation: usage events in, signals out."""
