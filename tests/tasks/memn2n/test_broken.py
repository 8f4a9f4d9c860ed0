"""Broken stories: an error names file and line."""

import io
import tarfile

import pytest

from attnlab.tasks.memn2n.babi import ARCHIVES, babi


def tar(path, files: dict[str, bytes]):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


QUESTION = b"1 Mary went home.\n2 Where is Mary?\thome\t1\n"


@pytest.mark.parametrize(
    "content, message",
    [
        (QUESTION + b"1 gr\xf6sser\n", r"qa1_x_train.txt:3: not UTF-8"),
        (QUESTION + b"1 a\0b\n", r"qa1_x_train.txt:3: a NUL byte"),
        (QUESTION + b"\n1 a b.\n", r"qa1_x_train.txt:3: no number and sentence"),
        (QUESTION + b"3 Who?\tMary\n", r"qa1_x_train.txt:3: no question, answer"),
    ],
)
def test_a_story_that_is_broken(tmp_path, content, message):
    relative, inside = ARCHIVES["1k"]
    names = [f"tasks/{inside}/qa1_x_{split}.txt" for split in ("train", "test")]
    tar(tmp_path / relative, {names[0]: content, names[1]: QUESTION})
    with pytest.raises(ValueError, match=message):
        babi(tasks="1", folder=tmp_path)
    whole = (tmp_path / relative).read_bytes()
    (tmp_path / relative).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is not a whole archive"):
        babi(tasks="1", folder=tmp_path)
