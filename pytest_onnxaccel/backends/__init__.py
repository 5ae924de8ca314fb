"""Runtimes behind one protocol, one file each. A file here imports its own framework and no other of its kind."""
