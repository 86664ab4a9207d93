"""What every workload, trained or served, needs of a framework: the target's device, its version, layouts."""
