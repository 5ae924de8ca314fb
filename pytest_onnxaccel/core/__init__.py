"""What every layer knows: errors, results, specifications, domains; imports nothing above it."""
