"""Is another batch the results of its samples."""
