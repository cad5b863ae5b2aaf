"""A file is written as a whole, or what was there before stays."""

import pytest

from trainlab.files import write_whole


@pytest.mark.parametrize("content", ["ü\n≥ 2\n", b"\x00\xff"])
def test_content_is_written_to_the_byte_and_nothing_lies_beside_it(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text("before, and longer than what follows")
    write_whole(path, content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["new", b"new"])
def test_full_disk_leaves_what_was_there_and_no_part(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text("before")
    (tmp_path / "a.json.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(path, content)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_until_it_is_whole_the_old_file_is_what_others_read(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("before")
    seen = []
    replace = type(path).replace

    def spied(self, target):
        seen.append((path.read_text(), self.read_text(), self.parent))
        return replace(self, target)

    monkeypatch.setattr(type(path), "replace", spied)
    write_whole(path, "new")
    assert seen == [("before", "new", tmp_path)]
    assert path.read_text() == "new"
