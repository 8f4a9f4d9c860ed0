"""A pickle in place of arrays is refused, and not run."""

import pickle
import zipfile

import pytest

from attnlab import runs
from tests.runs.trap import Trap


def test_a_pickle_is_no_archive_of_arrays(tmp_path):
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    (tmp_path / "a.npz").write_bytes(trap)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", trap)
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ValueError, match=f"{name} cannot be read"):
            runs.read_arrays(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap).close()  # it does work where it is let to
    assert (tmp_path / "sprung").exists()
