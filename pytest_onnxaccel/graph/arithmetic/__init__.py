"""Operators by their definition, in float64 and in exact integers: who is right where two engines differ."""
