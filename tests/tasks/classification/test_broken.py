"""Broken labeled sentences: an error names file and line."""

import gzip

import pytest

from attnlab.tasks.classification.sst import sst


def packed(path, text: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text))


def test_a_labeled_sentence_that_is_broken(tmp_path):
    path = tmp_path / "sst" / "sst5_train.txt.gz"
    packed(path, b"3 ||| fine\n1 ||| gr\xf6sser\n")
    with pytest.raises(ValueError, match=r"sst5_train.txt.gz:2: not UTF-8"):
        sst(folder=tmp_path)
    packed(path, b"3 ||| fine\n1 ||| a\0b\n")
    with pytest.raises(ValueError, match=r"sst5_train.txt.gz:2: a NUL byte"):
        sst(folder=tmp_path)
    packed(path, b"3 ||| fine\n\n")
    with pytest.raises(ValueError, match=r"sst5_train.txt.gz:2: not '0-4"):
        sst(folder=tmp_path)
    content = gzip.compress(b"3 ||| fine\n" * 999)
    for wrong in (content[:-9], content[:20] + b"\xff\xff" + content[22:]):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"sst5_train.txt.gz is not a whole gzip"):
            sst(folder=tmp_path)
