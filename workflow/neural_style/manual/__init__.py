"""The documentation that the code makes: the reference of the config, the sheets of controls."""
