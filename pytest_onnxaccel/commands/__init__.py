"""The command line of the project: one file for each command."""
