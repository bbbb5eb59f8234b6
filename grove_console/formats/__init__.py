"""How values are shown, by language."""
