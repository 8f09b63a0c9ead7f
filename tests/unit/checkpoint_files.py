"""The files of checkpoints as they are documented: what torch saves, then its SHA-256."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch


def read_file(path: Path) -> Any:
    return torch.load(path, weights_only=False)


def write_file(content: object, path: Path) -> None:
    file = io.BytesIO()
    torch.save(content, file)
    path.write_bytes(file.getvalue() + hashlib.sha256(file.getvalue()).digest())
