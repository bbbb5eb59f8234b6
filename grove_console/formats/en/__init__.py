"""How values are shown in English."""
