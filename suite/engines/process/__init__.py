"""Processes of a given Python, where there is no engine."""
