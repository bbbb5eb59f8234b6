"""What people type, read into plain values: nothing is lost, and every fault has a place and a sentence."""
