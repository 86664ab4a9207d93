"""One findings model, many forms."""
