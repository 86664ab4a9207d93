"""Beside the measured container, in one of its own: sample the machine's meters and what could disturb a run."""
