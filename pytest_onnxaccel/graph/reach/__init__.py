"""What the inputs of a model reach inside its graph: weights that can be moved, values that tell what ran."""
