"""Judgement of our own inference submissions: what LoadGen wrote, recomputed from what it measured."""
