"""Arrays in, figures out: nothing here knows a model or a runtime."""
