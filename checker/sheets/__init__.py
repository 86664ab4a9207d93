"""The sheets of an MLPerf round laid over a log: as MLCommons' checker does it (loose), and as the rules mean them (strict)."""
