"""The table of options: what is judged and how it is run."""
