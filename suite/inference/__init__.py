"""The host side of inference: plan, LoadGen runs in containers, compliance runs, the submission tree."""
