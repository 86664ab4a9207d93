"""SmolLM2-135M: news texts continued, token by token."""
