"""Sample images for somebody who has none yet."""
