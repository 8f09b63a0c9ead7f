"""The command `neural-style`: the only part of the library that reads a command line and prints."""
