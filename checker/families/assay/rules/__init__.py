"""Judges: named procedures for rules that span several files. A rule's card names its judge; each file is one story."""
