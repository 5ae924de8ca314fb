"""Items that are collected, and their results."""
