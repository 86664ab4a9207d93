"""What runs inside the container of an inference run: LoadGen against a system under test. Nothing of the host side."""
