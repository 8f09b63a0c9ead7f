"""One job from files to files, going on where it was killed."""
