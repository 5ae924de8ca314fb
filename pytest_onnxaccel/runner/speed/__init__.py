"""The speed table of a model: who takes part, the run that may be continued, and where it stands."""
