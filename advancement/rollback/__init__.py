"""Rollbacks: plans built from past events, to take them back. Applied like any other plan."""
