"""What runs: the command line, images, the runner, and the harness that works inside the container."""
