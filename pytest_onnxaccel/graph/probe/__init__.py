"""Values inside a graph, exposed and cut out."""
