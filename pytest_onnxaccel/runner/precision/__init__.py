"""The types that two sides compute in: asked of their graphs, and opened as variants."""
