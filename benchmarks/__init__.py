"""What Flowbeat costs: each module prints its own figures, and says what they are compared with."""
