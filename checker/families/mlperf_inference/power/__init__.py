"""Power logs and the session of the power meter."""
