"""Imports of sprouts, usage events and signals."""
