"""Rules as text: cards, coverage, lint."""
