"""Runs from their start to their end: claim, lease, refresh, plan, apply, retry, resume."""
