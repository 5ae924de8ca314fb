"""What functions give: leaves of a result, and how two of them differ."""
