"""Makes what the tests of this folder share importable: importlib mode does not promise it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
