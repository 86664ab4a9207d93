"""What follows from samples of the machine: energy, disturbances, use, cost."""
