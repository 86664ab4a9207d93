"""Judges of inference submissions, one story a file; `checker/families/assay/checks.py` lists them all."""
