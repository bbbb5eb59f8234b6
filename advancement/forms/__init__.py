"""Forms: what people type, checked and turned into values."""
