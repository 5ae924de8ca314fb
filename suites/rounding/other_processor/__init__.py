"""A test double of the sessions: they round as another processor would."""
