"""LoadGen's detail log, its draws of samples and its early stopping."""
