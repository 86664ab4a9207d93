"""What runs inside the container: seeds, weights, data order, timing, logging. Imports nothing of the host side."""
