"""What is allowed: rule sets per round, the documents of a submission, and the words both are written in."""
