"""What each operator does with the batch."""
