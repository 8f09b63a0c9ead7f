"""What there is to compute with, and how much of it a picture takes."""
