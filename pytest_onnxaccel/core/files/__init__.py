"""Files that may be hostile: opened beneath a folder, archives with limits, the folder of a failure."""
