"""A profile's stored results and what a reader should know of them: selected, explained, and as a page."""
