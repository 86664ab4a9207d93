"""Families: one folder for each kind of round."""
