"""The ledger: seals over the events of runs that have ended, and the proof that the audit trail is whole."""
