"""A backend in another interpreter: files staged for it, the wire, the worker (child) and its host (parent)."""
