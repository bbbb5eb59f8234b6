"""Django's backend for SQLite, with a fairer wait for the one writer that SQLite allows at a time."""
