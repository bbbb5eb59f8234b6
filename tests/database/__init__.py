"""What the database itself guarantees, on both backends."""
