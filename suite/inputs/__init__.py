"""What a job is given: a workload's settings, its data, and the source that runs."""
