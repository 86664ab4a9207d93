"""What the rules of MLPerf Tiny ask and the official checker does not look at."""
