"""The course: its sources run, and its notebooks are those sources, executed."""

import getpass
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="the extra `notebooks`")

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "tutorial"
SOURCES = sorted(FOLDER.glob("[0-9]_*.py"))
NAMES = [source.stem for source in SOURCES]
LARGEST = 400_000  # bytes of a notebook

pytestmark = pytest.mark.notebooks


@pytest.fixture(params=SOURCES, ids=NAMES)
def source(request) -> Path:
    return request.param


def read(path: Path):
    return jupytext.read(path)


def outputs_of(notebook) -> list:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output for cell in cells for output in cell.outputs]


def test_every_source_has_its_notebook():
    assert [int(name[0]) for name in NAMES] == list(range(1, len(NAMES) + 1))
    assert [path.stem for path in sorted(FOLDER.glob("*.ipynb"))] == NAMES


def test_a_source_runs_as_a_script(source, tmp_path):
    code = f"import runpy; runpy.run_path({str(source)!r}, run_name='__main__')"
    # A folder of its own: nothing that lies beside the sources is read.
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,  # half a minute, but for machines that are very busy
    )
    assert done.returncode == 0, done.stderr
    assert not any(tmp_path.iterdir())


def test_a_notebook_has_the_cells_of_its_source(source):
    ours = [(cell.cell_type, cell.source) for cell in read(source).cells]
    notebook = read(source.with_suffix(".ipynb"))
    theirs = [(cell.cell_type, cell.source) for cell in notebook.cells]
    assert theirs == ours, "run `make notebooks`"


def test_a_notebook_was_executed_without_errors(source):
    notebook = read(source.with_suffix(".ipynb"))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for output in outputs_of(notebook))


def test_a_notebook_has_pictures_and_stays_small(source):
    path = source.with_suffix(".ipynb")
    pictures = [
        output
        for output in outputs_of(read(path))
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 2
    assert path.stat().st_size < LARGEST


def test_a_notebook_says_nothing_of_the_machine(source):
    text = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    homes = [str(Path.home()), str(ROOT), "site-packages", "/tmp/", "/home/"]
    user = getpass.getuser()
    assert [place for place in homes if place in text] == []
    # A user may be called as a word is: only whole names in paths count.
    assert not re.search(rf"[/\\]{re.escape(user)}[/\\]", text)


def test_a_source_has_what_a_lesson_needs(source):
    text = source.read_text(encoding="utf-8")
    assert text.count("<details>") == 3  # exercises, with their answers
    assert "arxiv.org/abs/" in text
    assert '"google.colab" in sys.modules' in text
    assert 'run_line_magic("pip", "install' in text
    assert "## Goals" in text


def test_links_of_the_course_and_the_glossary_lead_to_files():
    pages = [*SOURCES, FOLDER / "README.md", ROOT / "docs" / "glossary.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert broken == []
