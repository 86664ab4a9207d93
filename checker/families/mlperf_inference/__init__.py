"""Review of MLPerf Inference rounds: one walk, one reader of LoadGen's logs, the official verdict and ours."""
