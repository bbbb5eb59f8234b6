"""The report on an installation: what it says, and what it never says."""
