"""What tolerances are made of: the types that two sides compute in, noise that was measured, scales of summands."""
