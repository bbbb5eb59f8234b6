"""What differs between PostgreSQL and SQLite: clock, triggers, bulk loading, statement execution."""
