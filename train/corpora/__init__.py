"""A corpus by name or path → items."""
