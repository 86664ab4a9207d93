"""Text generation as a system under test of LoadGen: see `suite.serve.protocol`."""
