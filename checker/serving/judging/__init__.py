"""Judges of inference submissions, one story a file; `checker/judges/serving.py` imports them all."""
