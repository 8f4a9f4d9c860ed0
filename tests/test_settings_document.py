"""docs/settings.md says what the records say."""

from attnlab.tasks import TASKS
from experiments.settings import FILE, document, main


def test_the_document_is_current():
    current = FILE.read_text(encoding="utf-8")
    assert current == document(list(TASKS)), (
        "run python -m experiments.settings --write"
    )


def test_every_setting_of_a_task_is_explained(capsys):
    assert main(["ntm"]) == 0
    text = capsys.readouterr().out
    for name in ("model.slots", "data.copy.bits", "train.clip", "evaluate.sequences"):
        line, *_ = [row for row in text.splitlines() if f"`{name}`" in row]
        assert line.split("|")[-2].strip()


def test_an_unknown_task_is_named(capsys):
    assert main(["transformer"]) == 2
    assert "transformer" in capsys.readouterr().err


def test_a_file_of_others_is_left_as_it_is(tmp_path, capsys):
    file = tmp_path / "mine.md"
    for _ in range(2):
        assert main(["--write", str(file)]) == 0
        assert file.read_text(encoding="utf-8") == document(list(TASKS))
    file.write_text("# Notes\n")
    for path in (file, tmp_path / "ntm", tmp_path / "none" / "a.md"):
        assert main(["--write", str(path)]) == 2
        assert str(path.parent) in capsys.readouterr().err
    assert file.read_text() == "# Notes\n" and [*tmp_path.iterdir()] == [file]
