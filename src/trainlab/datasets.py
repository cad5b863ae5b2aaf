"""Fashion-MNIST: the subset that ships with the package, and the full set, found and verified."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

__all__ = [
    "CLASS_NAMES",
    "DataError",
    "Images",
    "archive_paths",
    "fashion_mnist",
    "full_archives",
    "full_arrays",
    "stratified_draw",
    "stratified_split",
    "subset_arrays",
    "subset_path",
]

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

SUBSET_SHA256 = "0c1c009f9dd8558948b6a0cd6aac92ad3c31cb23ba4cc7881ea686fbcb23db21"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

# Of the uncompressed contents: the archives differ in their headers from one mirror to the next.
CONTENTS_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte.gz": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}


class DataError(RuntimeError):
    """A data file is missing, damaged or cannot be fetched; the message says how to mend it."""


@dataclass(frozen=True)
class Images:
    """Fashion-MNIST in three parts (Xiao, Rasul & Vollgraf, 2017, arXiv:1708.07747).

    Images are uint8 of shape (images, 28, 28) with values in [0, 255]; labels are uint8 of shape
    (images,) with values in [0, 9], named by `CLASS_NAMES`.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def scaled(self) -> Images:
        """Return the same images as float32 rows of shape (images, 784) with values in [0, 1]."""

        def rows(images: np.ndarray) -> np.ndarray:
            return images.reshape(len(images), -1).astype(np.float32) / 255

        return Images(
            rows(self.x_train), self.y_train,
            rows(self.x_valid), self.y_valid,
            rows(self.x_test), self.y_test,
        )  # fmt: skip

    def standardized(self) -> Images:
        """Return float32 rows (images, 784) with the training part's mean 0 and spread 1.

        One mean and one standard deviation over all pixels of the *training* part are used for
        all three parts.
        """
        scaled = self.scaled()
        mean, std = scaled.x_train.mean(), scaled.x_train.std()

        def standard(rows: np.ndarray) -> np.ndarray:
            return (rows - mean) / std

        return Images(
            standard(scaled.x_train), self.y_train,
            standard(scaled.x_valid), self.y_valid,
            standard(scaled.x_test), self.y_test,
        )  # fmt: skip

    def drawn(self, n_images: int, seed: int | Sequence[int]) -> Images:
        """Return the same images with `n_images` for training, drawn anew for each seed.

        As many of each class, in an order that the seed decides; validation and test images stay
        as they are. What a seed measures then holds what other training images would have changed.

        Args:
            n_images: How many to draw; a multiple of the number of classes.
            seed: An integer or a sequence of them; the same one draws the same images.

        Raises:
            ValueError: The images do not divide among the classes, or a class has too few.
        """
        rows = stratified_draw(self.y_train, n_images, seed)
        return replace(self, x_train=self.x_train[rows], y_train=self.y_train[rows])

    def draws(self, n_images: int) -> Callable[[int], tuple[np.ndarray, ...]]:
        """Return the `data` of `trainlab.training.sweep` that trains each seed on its own draw.

        Args:
            n_images: How many images each seed draws, as for `drawn`.

        Returns:
            A function of the seed: `(x_train, y_train, x_valid, y_valid)`.
        """

        def of_seed(seed: int) -> tuple[np.ndarray, ...]:
            images = self.drawn(n_images, seed)
            return images.x_train, images.y_train, images.x_valid, images.y_valid

        return of_seed


def fashion_mnist(images: str = "subset") -> Images:
    """Load Fashion-MNIST.

    Args:
        images: "subset" (6,000 / 1,000 / 2,000 images, shipped with the package) or "full"
            (55,000 / 5,000 / 10,000, found on this machine or downloaded). Both are stratified.

    Returns:
        An `Images` with uint8 arrays.

    Raises:
        ValueError: `images` is neither.
        DataError: A file is missing, damaged or cannot be fetched.
    """
    if images == "subset":
        return _load_subset()
    if images == "full":
        return _load_full()
    raise ValueError(f"images={images!r} is not known: expected 'subset' or 'full'.")


def subset_path() -> Path:
    """Return the path of the shipped subset."""
    return Path(__file__).parent / "data" / "fashion_mnist_subset.npz"


def _load_subset() -> Images:
    path = subset_path()
    mend = (
        "Install the package again, restore the file with `git checkout -- "
        f"{path.name}`, or make it anew with `python -m trainlab.book.subset`."
    )
    if not path.exists():
        raise DataError(f"The shipped subset is missing: {path}. {mend}")
    received = hashlib.sha256(path.read_bytes()).hexdigest()
    if received != SUBSET_SHA256:
        raise DataError(
            f"The shipped subset is damaged: {path} has SHA-256 {received}, "
            f"expected {SUBSET_SHA256}. {mend}"
        )
    with np.load(path) as arrays:
        return Images(**arrays)


def _load_full() -> Images:
    (x, y), (x_test, y_test) = full_arrays()
    train, valid = stratified_split(y, [5_500, 500])
    return Images(x[train], y[train], x[valid], y[valid], x_test, y_test)


def full_arrays() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return `(x_train, y_train), (x_test, y_test)`: all 60,000 and 10,000 images, verified."""
    contents = {path.name: _parse_idx(_read_archive(path)) for path in full_archives()}
    return (
        (contents["train-images-idx3-ubyte.gz"], contents["train-labels-idx1-ubyte.gz"]),
        (contents["t10k-images-idx3-ubyte.gz"], contents["t10k-labels-idx1-ubyte.gz"]),
    )


def archive_paths() -> list[Path]:
    """Return where the four archives of the full set are, or where they would be downloaded to.

    They are looked for in the folder named by the environment variable `TRAINLAB_DATA`, in the
    folder of Debian's package `dataset-fashion-mnist`, then in Keras' cache, which is where they
    are downloaded to. This only looks.

    Raises:
        DataError: `TRAINLAB_DATA` names a folder without the archives.
    """
    named = os.environ.get("TRAINLAB_DATA")
    if named:
        missing = [name for name in CONTENTS_SHA256 if not (Path(named) / name).is_file()]
        if missing:
            raise DataError(
                f"TRAINLAB_DATA is {named!r}, where these files are missing: "
                f"{', '.join(missing)}. Point it at a folder that holds the four archives of "
                "Fashion-MNIST, or unset it so that they are looked for elsewhere."
            )
        return [Path(named) / name for name in CONTENTS_SHA256]
    debian = [DEBIAN_FOLDER / name for name in CONTENTS_SHA256]
    if all(path.is_file() for path in debian):
        return debian
    return [_keras_cache() / name for name in CONTENTS_SHA256]


def full_archives() -> list[Path]:
    """Return the paths of the four archives of the full set, downloading them if need be.

    They come from the address that `keras.datasets.fashion_mnist` uses.

    Raises:
        DataError: `TRAINLAB_DATA` names a folder without the archives, or a download failed.
    """
    return [path if path.is_file() else _download(path.name) for path in archive_paths()]


def _keras_cache() -> Path:
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "datasets" / "fashion-mnist"


def _download(name: str) -> Path:
    import keras

    target = _keras_cache() / name
    try:
        # get_file silently turns to another folder when this one does not exist.
        target.parent.mkdir(parents=True, exist_ok=True)
        # A folder of its own, for another process may be fetching the same file.
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
            fetched = Path(folder) / name
            keras.utils.get_file(
                name, ORIGIN + name, cache_dir=folder, cache_subdir="", force_download=True
            )
            _read_archive(fetched)
            return fetched.replace(target)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"Could not download {ORIGIN + name}: {error}. The full set can also be had without "
            "this address: install Debian's package `dataset-fashion-mnist`, or put the four "
            "archives into a folder and name it in the environment variable TRAINLAB_DATA. The "
            "quick edition needs no download at all."
        ) from error


def _read_archive(path: Path) -> bytes:
    mend = "Remove it and fetch it again, or name a sound copy's folder in TRAINLAB_DATA."
    try:
        contents = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a whole gzip archive: {error}. {mend}") from error
    received = hashlib.sha256(contents).hexdigest()
    expected = CONTENTS_SHA256[path.name]
    if received != expected:
        raise DataError(
            f"{path} does not hold Fashion-MNIST: its contents have SHA-256 {received}, "
            f"expected {expected}. {mend}"
        )
    return contents


def _parse_idx(contents: bytes) -> np.ndarray:
    # The IDX format: two zero bytes, the type (8: unsigned byte), the number of dimensions, then
    # each dimension as a big-endian 32-bit integer, then the values.
    n_dimensions = contents[3]
    shape = np.frombuffer(contents, ">u4", count=n_dimensions, offset=4)
    return np.frombuffer(contents, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def stratified_split(labels: np.ndarray, per_class: list[int]) -> list[np.ndarray]:
    """Split indices so that each part holds the same number of every class.

    The first images of each class go to the first part, the next to the second, and so on; each
    part keeps the order of the original. No random numbers are used, so that the split is the
    same everywhere.

    Args:
        labels: Integer labels of shape (images,).
        per_class: Images of each class in each part.

    Returns:
        One sorted index array a part.

    Raises:
        ValueError: A class has fewer images than the parts need.
    """
    rank = np.empty(len(labels), int)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < sum(per_class):
            raise ValueError(
                f"Class {label} has {len(of_class)} images, but the parts {per_class} need "
                f"{sum(per_class)} of each class. Ask for smaller parts."
            )
        rank[of_class] = np.arange(len(of_class))
    edges = np.cumsum([0, *per_class])
    return [np.flatnonzero((rank >= a) & (rank < b)) for a, b in itertools.pairwise(edges)]


def stratified_draw(labels: np.ndarray, n_images: int, seed: int | Sequence[int]) -> np.ndarray:
    """Draw the rows of labelled images, equally many of each class, in random order.

    Args:
        labels: Labels of all images, of shape (images,).
        n_images: How many to draw; a multiple of the number of classes.
        seed: An integer or a sequence of them; the same one draws the same rows.

    Returns:
        Different row numbers, of shape (n_images,).

    Raises:
        ValueError: The images do not divide among the classes, or a class has too few.
    """
    classes = np.unique(labels)
    each, left_over = divmod(n_images, len(classes))
    if n_images < 1 or left_over:
        raise ValueError(
            f"n_images={n_images} cannot be divided equally among {len(classes)} classes; give a "
            f"multiple of {len(classes)}."
        )
    rng = np.random.default_rng(seed)
    rows = []
    for label in classes:
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < each:
            raise ValueError(
                f"Class {label} has {len(of_class)} images, but n_images={n_images} needs {each} "
                "of each class; draw fewer."
            )
        rows.append(rng.choice(of_class, each, replace=False))
    return rng.permutation(np.concatenate(rows))


def subset_arrays(
    full_train: tuple[np.ndarray, np.ndarray], full_test: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the shipped subset's arrays, taken from the full set.

    Args:
        full_train: Images (60000, 28, 28) and labels (60000,) of the full training set.
        full_test: Images (10000, 28, 28) and labels (10000,) of the full test set.
    """
    (x, y), (x_test, y_test) = full_train, full_test
    train, valid = stratified_split(y, [600, 100])
    (test,) = stratified_split(y_test, [200])
    return {
        "x_train": x[train], "y_train": y[train],
        "x_valid": x[valid], "y_valid": y[valid],
        "x_test": x_test[test], "y_test": y_test[test],
    }  # fmt: skip
