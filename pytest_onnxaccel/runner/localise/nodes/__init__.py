"""Values inside a graph, and nodes alone: what is between an input and the first difference."""
