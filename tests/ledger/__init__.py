"""Proofs of the ledger: what holds, and what tampering leaves behind."""
