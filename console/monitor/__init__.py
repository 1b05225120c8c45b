"""The figures that a monitor reads: from the database and from Redis, when it asks."""
