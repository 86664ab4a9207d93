"""What a run needs of whatever runs it."""
