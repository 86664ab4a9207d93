"""Targets: what kinds of machine there are, what this engine's machine is, and what it still needs for a run.

`images/targets/*.yaml` says all that is particular to one; nothing here knows a target by name.
"""
