"""What several commands share: errors, the database, output."""
