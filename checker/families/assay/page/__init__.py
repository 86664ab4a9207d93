"""The result page of Assay's own submissions."""
