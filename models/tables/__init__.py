"""The database as mapped classes, one per table: a module per topic, and ``whole.py`` with all of them."""
