"""Names to objects: entry points, import strings, versions, what is missing."""
