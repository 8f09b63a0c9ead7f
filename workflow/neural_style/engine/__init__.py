"""From image files to outputs, with checkpoints and records."""
