"""The console in a real browser, on PostgreSQL, with the sample grove."""
