"""The shell of Flowbeat: all that touches a process or the network."""
