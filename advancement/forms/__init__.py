"""What people type, read into plain values: nothing typed is lost, and every fault has a place and a sentence."""
