"""Review of a round of MLPerf Tiny: the official verdict on each benchmark, and the rules as written."""
