"""What MLCommons' single-file checker says of a submission."""
