"""What the user wrote: manifest, lock file, values and units."""
