"""The command line beside the plugin: one file for each command."""
