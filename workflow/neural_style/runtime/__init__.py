"""Device and precision, memory and batch size, and what a job requests from a cluster."""
