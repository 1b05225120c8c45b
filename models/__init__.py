"""The core: records in the order they travel, the metrics, the tables and the store."""
