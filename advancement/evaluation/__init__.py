"""What would move and why: rules compiled to queries, and the plans made with them."""
