"""What a TensorFlow graph must not hold, by list."""
