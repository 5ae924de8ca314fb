"""Workers that are forked from an interpreter which has imported the runtimes and opened no file of a model."""
