"""Make the shipped subset from the full set: `python -m trainlab.book.subset`."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np

from trainlab import datasets
from trainlab.files import write_whole

__all__ = ["main"]


def main() -> None:
    """Write the subset and print the SHA-256 that belongs into `trainlab.datasets`."""
    path = datasets.subset_path()
    arrays: dict[str, Any] = {**datasets.subset_arrays(*datasets.full_arrays())}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_whole(path, content.getvalue())
    print(f"{path.name}: SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
