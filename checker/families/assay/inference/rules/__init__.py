"""Judges of inference submissions, one story a file; `checker/families/assay/inference/judges.py` imports them all."""
