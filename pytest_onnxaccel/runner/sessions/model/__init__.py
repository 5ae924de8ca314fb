"""What a model session is made of: its file, what is known of it, files derived from it, and where it runs."""
