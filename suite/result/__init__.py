"""The one way to a result."""
