"""Notifications: what is said about a run, the outbox that it waits in, and the channels that carry it."""
