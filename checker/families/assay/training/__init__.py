"""What only a submission of training has."""
