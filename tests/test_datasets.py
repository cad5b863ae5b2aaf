"""The shipped subset, the full set and what happens when either is damaged."""

import functools
import gzip
import hashlib
import http.server
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from trainlab import datasets
from trainlab.book import subset

# `make test` installs the package wherever there is apt-get, so there a missing set is a failure;
# other systems have no such package, and nothing else on them holds the data.
needs_debian = pytest.mark.skipif(
    not datasets.DEBIAN_FOLDER.exists() and not shutil.which("apt-get"),
    reason="needs Debian's package dataset-fashion-mnist",
)


@pytest.fixture
def archives(tmp_path):
    """A folder with copies of the four archives."""
    folder = tmp_path / "archives"
    shutil.copytree(datasets.DEBIAN_FOLDER, folder)
    return folder


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No TRAINLAB_DATA, no Debian folder, an empty Keras cache."""
    monkeypatch.delenv("TRAINLAB_DATA", raising=False)
    monkeypatch.setattr(datasets, "DEBIAN_FOLDER", tmp_path / "no-debian")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "datasets" / "fashion-mnist"


def test_subset_is_stratified():
    data = datasets.fashion_mnist()
    for part, per_class in (("train", 600), ("valid", 100), ("test", 200)):
        x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
        assert x.shape == (10 * per_class, 28, 28) and x.dtype == np.uint8
        assert np.bincount(y).tolist() == [per_class] * 10


@needs_debian
def test_shipped_subset_is_what_the_script_makes(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DATA", str(datasets.DEBIAN_FOLDER))
    shipped = datasets.subset_path()
    monkeypatch.setattr(datasets, "subset_path", lambda: tmp_path / shipped.name)
    subset.main()
    with np.load(tmp_path / shipped.name) as made, np.load(shipped) as kept:
        assert made.files == kept.files
        for name in kept.files:
            np.testing.assert_array_equal(made[name], kept[name])


def test_shipped_checksum_is_the_file_s():
    received = hashlib.sha256(datasets.subset_path().read_bytes()).hexdigest()
    assert received == datasets.SUBSET_SHA256


def test_one_flipped_byte_in_the_subset_is_refused(tmp_path, monkeypatch):
    contents = bytearray(datasets.subset_path().read_bytes())
    contents[len(contents) // 2] ^= 1
    damaged = tmp_path / "fashion_mnist_subset.npz"
    damaged.write_bytes(contents)
    monkeypatch.setattr(datasets, "subset_path", lambda: damaged)
    with pytest.raises(datasets.DataError, match=r"damaged.*SHA-256.*trainlab.book.subset"):
        datasets.fashion_mnist()


@needs_debian
def test_full_set_has_every_image(monkeypatch):
    monkeypatch.delenv("TRAINLAB_DATA", raising=False)
    data = datasets.fashion_mnist("full")
    assert [len(x) for x in (data.x_train, data.x_valid, data.x_test)] == [55_000, 5_000, 10_000]
    assert np.bincount(data.y_valid).tolist() == [500] * 10
    both = np.concatenate([data.x_train, data.x_valid])
    assert both.mean() / 255 == pytest.approx(0.28604, abs=1e-5)  # Xiao et al., 2017


@needs_debian
def test_named_folder_comes_first(archives, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DATA", str(archives))
    assert {path.parent for path in datasets.full_archives()} == {archives}


def test_named_folder_without_the_archives_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(datasets.DataError, match=r"nowhere.*train-images.*unset it"):
        datasets.fashion_mnist("full")


@needs_debian
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "not a whole gzip archive"),
        (lambda _: gzip.compress(b"something else"), "does not hold Fashion-MNIST"),
    ],
)
def test_damaged_full_set_is_refused(archives, monkeypatch, damage, message):
    path = archives / "train-labels-idx1-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    monkeypatch.setenv("TRAINLAB_DATA", str(archives))
    with pytest.raises(datasets.DataError, match=message) as failure:
        datasets.fashion_mnist("full")
    assert str(path) in str(failure.value) and "fetch it again" in str(failure.value)


@needs_debian
def test_swapped_archives_are_refused(archives, monkeypatch):
    train, test = (archives / f"{part}-labels-idx1-ubyte.gz" for part in ("train", "t10k"))
    train.rename(archives / "kept")
    test.rename(train)
    (archives / "kept").rename(test)
    monkeypatch.setenv("TRAINLAB_DATA", str(archives))
    with pytest.raises(datasets.DataError, match=r"labels.* does not hold Fashion-MNIST.*expected"):
        datasets.fashion_mnist("full")


def test_truncated_subset_is_refused(tmp_path, monkeypatch):
    half = tmp_path / "fashion_mnist_subset.npz"
    whole = datasets.subset_path().read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(datasets, "subset_path", lambda: half)
    with pytest.raises(datasets.DataError, match=r"damaged.*SHA-256.*git checkout"):
        datasets.fashion_mnist()


@pytest.fixture
def server():
    """A function that serves a folder on localhost and returns its address."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def serve(folder, handler=Quiet):
        handler = functools.partial(handler, directory=str(folder))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield serve
    for each in servers:
        each.shutdown()


@needs_debian
def test_download_is_verified_and_cached(archives, nowhere, server, monkeypatch):
    monkeypatch.setattr(datasets, "ORIGIN", server(archives))
    assert len(datasets.fashion_mnist("full").x_train) == 55_000
    assert sorted(path.name for path in nowhere.iterdir()) == sorted(datasets.CONTENTS_SHA256)
    monkeypatch.setattr(datasets, "ORIGIN", "http://127.0.0.1:9/")
    assert datasets.full_archives()[0].parent == nowhere


def test_where_the_archives_will_be_is_known_without_a_download(nowhere, monkeypatch):
    monkeypatch.setattr(datasets, "_download", lambda name: pytest.fail(f"{name} is downloaded"))
    assert datasets.archive_paths() == [nowhere / name for name in datasets.CONTENTS_SHA256]
    assert not nowhere.exists()
    monkeypatch.setenv("TRAINLAB_DATA", "/nowhere")
    with pytest.raises(datasets.DataError, match=r"'/nowhere'.*train-images.*unset it"):
        datasets.archive_paths()


def test_only_what_is_missing_is_downloaded(nowhere, monkeypatch):
    fetched = []
    monkeypatch.setattr(datasets, "_download", lambda name: fetched.append(name) or nowhere / name)
    nowhere.mkdir(parents=True)
    first, *others = datasets.CONTENTS_SHA256
    (nowhere / first).write_text("")
    assert datasets.full_archives() == datasets.archive_paths()
    assert fetched == others


@needs_debian
def test_wrong_download_is_refused_and_removed(archives, nowhere, server, monkeypatch):
    (archives / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    monkeypatch.setattr(datasets, "ORIGIN", server(archives))
    with pytest.raises(datasets.DataError, match="does not hold Fashion-MNIST"):
        datasets.fashion_mnist("full")
    assert list(nowhere.iterdir()) == []


@needs_debian
def test_download_that_breaks_off_leaves_nothing(archives, nowhere, server, monkeypatch):
    class Halved(http.server.SimpleHTTPRequestHandler):
        """Announces a whole file and sends half of it."""

        def copyfile(self, source, outputfile):
            whole = source.read()
            outputfile.write(whole[: len(whole) // 2])

        def log_message(self, *_):
            pass

    monkeypatch.setattr(datasets, "ORIGIN", server(archives, Halved))
    with pytest.raises(datasets.DataError, match=r"Could not download.*got only.*TRAINLAB_DATA"):
        datasets.fashion_mnist("full")
    assert list(nowhere.iterdir()) == []


@needs_debian
def test_download_cut_short_by_a_kill_is_not_used(archives, nowhere, server, monkeypatch):
    half_sent, name = threading.Event(), "t10k-images-idx3-ubyte.gz"
    nowhere.mkdir(parents=True)
    for other in set(datasets.CONTENTS_SHA256) - {name}:
        shutil.copy(archives / other, nowhere)
    there = set(nowhere.iterdir())

    class Stalled(http.server.SimpleHTTPRequestHandler):
        """Sends half of a file, and the rest never."""

        def copyfile(self, source, outputfile):
            whole = source.read()
            outputfile.write(whole[: len(whole) // 2])
            half_sent.set()
            time.sleep(60)

        def log_message(self, *_):
            pass

    address = server(archives, Stalled)
    fetch = f"from trainlab import datasets; datasets.ORIGIN = {address!r}; "
    process = subprocess.Popen(
        [sys.executable, "-c", fetch + f"datasets._download({name!r})"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert half_sent.wait(timeout=60)
    for _ in range(500):  # what was sent has been written
        files = {path for path in nowhere.rglob("*") if path.is_file()} - there
        left = [path for path in files if path.stat().st_size]
        if left:
            break
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert left, "nothing was written before the kill, so that there is nothing to test"
    monkeypatch.setattr(datasets, "ORIGIN", server(archives))
    assert len(datasets.fashion_mnist("full").x_test) == 10_000


@needs_debian
def test_two_processes_fetch_at_once(archives, nowhere, server, monkeypatch):
    """The second begins to write when the first has all but the last bytes."""
    both, name = threading.Barrier(2), "t10k-images-idx3-ubyte.gz"
    first_has_most, second_writes = threading.Event(), threading.Event()

    class Together(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            self.comes_first = both.wait(timeout=60) == 0
            if not self.comes_first:
                first_has_most.wait(timeout=60)
                time.sleep(0.5)
            super().do_GET()

        def copyfile(self, source, outputfile):
            whole = source.read()
            if self.comes_first:
                outputfile.write(whole[:-1000])
                first_has_most.set()
                second_writes.wait(timeout=60)
                time.sleep(0.5)
                outputfile.write(whole[-1000:])
            else:
                outputfile.write(whole[:1000])
                second_writes.set()
                time.sleep(2)
                outputfile.write(whole[1000:])

        def log_message(self, *_):
            pass

    address = server(archives, Together)
    fetch = (
        "from trainlab import datasets\n"
        f"datasets.ORIGIN = {address!r}\n"
        f"datasets._read_archive(datasets._download({name!r}))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", fetch], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert [path.name for path in nowhere.iterdir()] == [name]


def test_no_network_says_how_to_mend_it(nowhere, monkeypatch):
    monkeypatch.setattr(datasets, "ORIGIN", "http://127.0.0.1:9/")
    with pytest.raises(
        datasets.DataError, match=r"Could not download.*dataset-fashion-mnist.*TRAINLAB_DATA"
    ):
        datasets.fashion_mnist("full")
    assert not nowhere.exists() or list(nowhere.iterdir()) == []


def test_unknown_images_are_refused():
    with pytest.raises(ValueError, match=r"'tiny'.*'subset' or 'full'"):
        datasets.fashion_mnist("tiny")


def test_scaled_and_standardized():
    data = datasets.fashion_mnist()
    scaled, standard = data.scaled(), data.standardized()
    assert scaled.x_test.shape == (2_000, 784) and scaled.x_test.dtype == np.float32
    assert scaled.x_train.min() == 0 and scaled.x_train.max() == 1
    assert standard.x_train.mean() == pytest.approx(0, abs=1e-4)
    assert standard.x_train.std() == pytest.approx(1, abs=1e-4)
    mean, std = scaled.x_train.mean(), scaled.x_train.std()  # the training part's, for all parts
    np.testing.assert_allclose(standard.x_test, (scaled.x_test - mean) / std, rtol=1e-5, atol=1e-6)


def test_stratified_split_by_hand():
    labels = np.array([1, 0, 1, 0, 0, 1])
    first, second = datasets.stratified_split(labels, [1, 2])
    assert first.tolist() == [0, 1] and second.tolist() == [2, 3, 4, 5]
    with pytest.raises(ValueError, match="Class 0 has 3 images"):
        datasets.stratified_split(labels, [2, 2])


def test_each_seed_draws_its_own_training_images():
    y = np.repeat(np.arange(4), 25)
    x = np.arange(100)[:, None]
    images = datasets.Images(x, y, x[:8], y[:8], x[:4], y[:4])
    one, other = images.drawn(40, 1), images.drawn(40, 2)
    assert np.bincount(one.y_train).tolist() == [10] * 4
    assert len(set(one.x_train[:, 0])) == 40, "an image was drawn twice"
    np.testing.assert_array_equal(one.y_train, y[one.x_train[:, 0]])
    assert set(one.x_train[:, 0]) != set(other.x_train[:, 0])
    assert one.x_valid is images.x_valid and one.y_test is images.y_test

    x_train, y_train, x_valid, _ = images.draws(40)(1)
    np.testing.assert_array_equal(x_train, one.x_train)
    np.testing.assert_array_equal(y_train, one.y_train)
    assert x_valid is images.x_valid
    with pytest.raises(ValueError, match="multiple of 4"):
        images.draws(41)(1)


def test_folder_of_debian_counts_only_if_it_is_whole(nowhere, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DEBIAN_FOLDER", tmp_path / "debian")
    (tmp_path / "debian").mkdir()
    first, *others = datasets.CONTENTS_SHA256
    (tmp_path / "debian" / first).write_text("")
    assert datasets.archive_paths()[0].parent == nowhere
    for name in others:
        (tmp_path / "debian" / name).write_text("")
    assert datasets.archive_paths()[0].parent == tmp_path / "debian"
