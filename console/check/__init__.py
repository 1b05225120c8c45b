"""What `flowbeat check` looks at: a module per part of an installation."""
