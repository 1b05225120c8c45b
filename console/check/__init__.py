"""The checks of `flowbeat check`: a module for each part of an installation."""
