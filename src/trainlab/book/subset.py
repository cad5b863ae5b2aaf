"""Make the shipped subset from the full set: `python -m trainlab.book.subset`."""

from __future__ import annotations

import hashlib

import numpy as np

from trainlab import datasets

__all__ = ["main"]


def main() -> None:
    """Write the subset and print the SHA-256 that belongs into `trainlab.datasets`."""
    path = datasets.subset_path()
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(partial, **datasets.subset_arrays(*datasets.full_arrays()))
    partial.replace(path)
    print(f"{path.name}: SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
