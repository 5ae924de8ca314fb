"""What a node makes of the values that it reads: constants, shapes, subgraphs, and what flows through operators."""
