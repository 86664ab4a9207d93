"""What only training does on the way to a result."""
