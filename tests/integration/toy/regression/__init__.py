"""A workload of another kind than those that ship: a regression on tables, pretrained, trained by AdamW."""
