"""`make faults`: kills, stops and starves the batch, and compares with what comes of it without a fault."""
