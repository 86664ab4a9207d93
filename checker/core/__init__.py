"""What every family of rounds is judged with: findings, ledger, rule engine, readers that trust nothing."""
