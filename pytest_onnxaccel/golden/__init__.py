"""Golden data: inputs of a model with the outputs that are right for them, kept in files."""
