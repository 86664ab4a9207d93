"""Review of MLPerf Training and HPC submissions: everything that spans more than the rules on one log."""
