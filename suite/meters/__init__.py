"""What is sampled while a run is measured: the host side."""
