"""Interpreters of their own for backends that need packages no other can live with."""
