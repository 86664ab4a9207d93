"""Assay's own rounds: training and inference."""
