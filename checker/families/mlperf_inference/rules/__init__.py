"""The rules of a round as written, beyond what the official checkers look at."""
