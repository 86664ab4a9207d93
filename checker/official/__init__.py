"""What MLCommons' single-log checker decides about a log, from the same sheets as the strict rules, quirks included."""
