"""Models as they run: sources, engines, batches."""
