"""experiments.align and experiments.evaluate on finished tiny runs of plain files."""

import pytest

from attnlab.training.run import run
from experiments import align, evaluate
from tests.tiny import tiny_folder

WORDS = {"ein": "a", "das": "the", "haus": "house", "boot": "boat", "alt": "old"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two runs, de-en and en-de, of word-by-word text; `same` is another de-en."""
    root = tmp_path_factory.mktemp("programs")
    german = [f"{a} {b}" for a in WORDS for b in WORDS] + [*WORDS]
    english = [" ".join(WORDS[word] for word in line.split()) for line in german]
    links = [" ".join(f"{n}-{n}" for n in range(len(x.split()))) for x in german]
    for name, lines in (("de", german), ("en", english), ("links", links)):
        (root / f"text.{name}").write_text("\n".join(lines) + "\n")
    for name, (source, target) in {
        "forward": ("de", "en"),
        "backward": ("en", "de"),
        "same": ("de", "en"),
    }.items():
        text = f"{root}/text.{source},{root}/text.{target}"
        folder = tiny_folder(
            root / name,
            **{
                "data.name": "files",
                "data.files.train": text,
                "data.files.dev": text,
                "data.files.test": text,
                "data.files.gold": f"{text},{root}/text.links",
                "data.files.source_language": source,
                "data.files.target_language": target,
                "train.steps": 60,
                "train.evaluate_every": 60,
                "train.learning_rate": 0.03,
            },
        )
        run(folder, console=False)
        folder.rename(root / f"{name}-run")
    return root


def test_align_prints_and_plots_a_translation(root, tmp_path, capsys):
    arguments = ["--run", f"{root}/forward-run", "--out", f"{tmp_path}/a.png"]
    assert align.main([*arguments, "--source", "das haus"]) == 0
    assert f"wrote {tmp_path}/a.png" in capsys.readouterr().out
    assert (tmp_path / "a.png").stat().st_size > 1000
    forced = ["--source", "das haus", "--target", "the house", "--kind", "posterior"]
    assert align.main([*arguments, *forced]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "the house"
    assert [line.split(" - ")[0].strip() for line in printed[1:3]] == ["the", "house"]


def test_evaluate_prints_one_direction(root, capsys):
    assert evaluate.main(["--run", f"{root}/forward-run"]) == 0
    printed = capsys.readouterr().out
    assert "forward, prior" in printed and "forward, posterior" in printed
    assert "backward" not in printed


def test_evaluate_puts_both_directions_together(root, capsys):
    pair = ["--run", f"{root}/forward-run", "--reverse", f"{root}/backward-run"]
    assert evaluate.main(pair) == 0
    printed = capsys.readouterr().out
    for row in ("backward, prior", "grow-diag, prior", "intersection, posterior"):
        assert row in printed


def test_evaluate_refuses_a_run_that_does_not_translate_back(root, capsys):
    pair = ["--run", f"{root}/forward-run", "--reverse", f"{root}/same-run"]
    assert evaluate.main(pair) == 2
    assert capsys.readouterr().err == (
        "evaluate: --run translates de to en, so --reverse must translate back; "
        "it goes from de to en\n"
    )


def test_evaluate_names_a_folder_that_is_no_run(tmp_path, capsys):
    assert evaluate.main(["--run", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
