"""A result with a figure writes it into files, as a translation does."""

import pytest

from attnlab.report.figures import blank
from attnlab.report.pictured import Pictured


class Answer(Pictured):
    def figure(self, title=""):
        figure = blank(1.0, 1.0)
        figure.text(0.5, 0.5, title or "nothing")
        return figure


@pytest.mark.parametrize(
    ("name", "written"), [("a.png", ["a.png"]), ("new/a", ["new/a.png", "new/a.pdf"])]
)
def test_it_is_drawn_into_files(tmp_path, name, written):
    paths = Answer().plot(tmp_path / name, title="a title")
    assert paths == [tmp_path / each for each in written]
    assert paths[0].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [("a.jpg", {}, "'.jpg'"), ("a.png", {"font": "Nonesuch Sans"}, "Nonesuch")],
)
def test_what_cannot_be_written_is_named(tmp_path, name, options, named):
    with pytest.raises(ValueError, match=named):
        Answer().plot(tmp_path / name, **options)
    assert not any(tmp_path.iterdir())
