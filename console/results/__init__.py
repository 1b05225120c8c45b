"""`flowbeat results`: stored values with the notes a reader needs beside them."""
