"""What would make a model faster."""
