"""The folder of a failure: the smallest model, its inputs, and a script that shows it."""
