"""From the config to settings and jobs. Free of torch: every job evaluates the Snakefile anew."""
