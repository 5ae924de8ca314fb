"""One run: its folders, its settings for the runner, its results, when garbage is collected."""
