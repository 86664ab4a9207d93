"""all-MiniLM-L6-v2: texts to vectors whose cosine says how alike they are."""
