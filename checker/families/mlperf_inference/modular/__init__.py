"""What MLCommons' modular checker says of a submission."""
