"""TensorFlow sources: SavedModels, frozen graphs, checkpoints."""
