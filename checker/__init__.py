"""What judges: log readers, the rule engine, statistics, findings and reports. Needs no engine and no framework."""
