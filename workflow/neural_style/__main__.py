"""`python -m neural_style` is the command `neural-style`."""

import sys

from neural_style.cli.main import main

sys.exit(main())
