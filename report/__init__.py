"""A profile's stored results with their notes: selected, explained, and as an HTML page."""
