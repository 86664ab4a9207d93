"""What carries a job and says how far it is: no number of a run passes through, so it has a digest of its own."""
