"""Results of endpoints, which no LoadGen measured."""
