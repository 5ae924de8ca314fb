"""Round trips and folded preprocessing."""
