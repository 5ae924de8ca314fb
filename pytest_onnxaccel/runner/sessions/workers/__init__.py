"""Workers that serve a run: which there are, what they were trusted with, what is asked ahead."""
