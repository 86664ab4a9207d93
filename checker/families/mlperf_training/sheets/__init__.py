"""An MLPerf round's sheets laid over a log: as MLCommons' checker does (loose), and as the rules mean them (strict)."""
