"""Devices, precision, memory, and what a job asks of a cluster."""
