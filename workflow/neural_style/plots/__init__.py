"""Figures of the losses of a sweep, made from `losses.csv`, `run.json` and the pictures alone.

`outputs` names the files and is free of matplotlib, since the Snakefile reads it.
"""
