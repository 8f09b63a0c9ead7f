"""Ends the program with a sentence if it does not run in the environment of the project.

Import this before all other packages.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("neural_style", "numpy", "PIL", "pydantic", "torch", "tqdm")
"""Packages without which no script runs."""

missing = [name for name in PACKAGES if find_spec(name) is None]
if sys.version_info < (3, 11) or missing:
    reason = f"{sys.executable} lacks {', '.join(missing)}"
    if not missing:
        reason = f"{sys.executable} is older than Python 3.11"
    sys.exit(
        f"{Path(sys.argv[0]).stem}: {reason}; activate the environment of the project, which "
        "`make install` makes: . .venv/bin/activate"
    )
