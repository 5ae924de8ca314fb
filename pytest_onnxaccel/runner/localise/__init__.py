"""The search for the node that is wrong."""
