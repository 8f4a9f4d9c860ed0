import re
import shutil

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.metrics.seed_significance import crossed_bootstrap
from attnlab.metrics.significance import paired_bootstrap
from attnlab.report import example_stats, render, rows, table
from attnlab.report.stored_counts import StoredCounts
from attnlab.report.table import Column, Table, TableCell, TableLine
from tests.report.by_hand import nothing, row_of


def tabulate(root, **options):
    grouped = rows.group(runs.find(root))
    stats = {row.name: example_stats.read(row) for row in grouped}
    return table.make_table(grouped, stats, **options)


def test_cells_are_mean_and_deviation_over_seeds(sweep):
    made = tabulate(sweep)
    assert [line.name for line in made.lines] == [
        "global (dot)",
        "local-m (general)",
        "local-p (general)",
    ]
    for line in made.lines:
        folder = sweep / runs.slug(line.name)
        results = [runs.read_json(folder / str(s) / runs.RESULT) for s in range(3)]
        scores = [result["bleu"] for result in results]
        cell = line.cells["bleu"]
        assert cell.seeds == 3
        np.testing.assert_allclose(cell.mean, np.mean(scores), rtol=1e-12)
        np.testing.assert_allclose(cell.spread, np.std(scores, ddof=1), rtol=1e-12)
        assert line.cells["parameters"].spread == 0


def test_best_is_high_bleu_low_aer_and_never_a_speed(sweep):
    made = tabulate(sweep)
    best = made.lines[2].cells
    assert best["bleu"].best and best["aer"].best and best["perplexity"].best
    for line in made.lines:
        assert not line.cells["tokens_per_second"].best
        assert line.name == "local-p (general)" or not line.cells["bleu"].best


def test_p_values_pool_the_seeds_sentence_by_sentence(sweep):
    """The marks against tests put together here from the files alone."""
    made = tabulate(sweep)

    def counts(slug):
        seeds = []
        for seed in range(3):
            folder = sweep / slug / str(seed)
            hypotheses = runs.read_lines(folder / runs.HYPOTHESES)
            references = runs.read_lines(folder / runs.REFERENCES)
            seeds.append(bleu.statistics(hypotheses, references))
        return np.stack(seeds)

    reference, system = counts("local-p-general"), counts("global-dot")
    expected = crossed_bootstrap(reference, system, bleu.score, samples=1000)
    stats = example_stats.read(rows.group(runs.find(sweep))[0])
    by_seed = example_stats.texts_by_seed(stats)
    assert by_seed is not None
    np.testing.assert_array_equal(by_seed[1], system)
    cells = made.lines[0].cells
    alone = paired_bootstrap(reference.sum(0), system.sum(0), bleu.score, samples=1000)
    assert cells["bleu"].p_value == expected.sentences.p_value == alone.p_value
    assert cells["bleu"].p_both == pytest.approx(expected.p_value, rel=1e-9)
    assert cells["bleu"].mark == "†" == cells["aer"].mark
    assert made.lines[2].cells["bleu"].p_value is None  # not tested against itself
    notes = " ".join(made.notes)
    assert "best row of its column (local-p (general))" in notes
    assert "120 for BLEU, 60 for AER and 120 for perplexity" in notes
    assert "p < 0.05" in notes
    assert "1000 samples" in notes and "2 comparisons" in notes


def test_perplexities_are_tested_by_their_sentences(sweep):
    """Against a test put together from losses.tsv alone."""
    made = tabulate(sweep)

    def counts(slug):
        files = [sweep / slug / str(seed) / runs.LOSSES for seed in range(3)]
        return np.stack([np.loadtxt(path, delimiter="\t") for path in files])

    def score(totals):
        return np.exp(totals[..., 0] / totals[..., 1])

    best = counts("local-p-general")
    for line, slug in zip(made.lines, ("global-dot", "local-m-general"), strict=False):
        expected = crossed_bootstrap(best, counts(slug), score, samples=1000)
        cell = line.cells["perplexity"]
        assert cell.p_value == expected.sentences.p_value
        assert cell.p_both == pytest.approx(expected.p_value, rel=1e-9)
        assert cell.mark == "†"
    assert made.lines[2].cells["perplexity"].p_value is None
    printed = render.text(made).splitlines()
    marked = [line.count("†") for line in printed if line.startswith(("glo", "loc"))]
    assert marked == [3, 3, 0]


def test_equal_systems_are_not_marked(tmp_path, sweep):
    shutil.copytree(sweep / "global-dot", tmp_path / "global-dot")
    shutil.copytree(sweep / "global-dot", tmp_path / "twin")
    for seed in range(3):
        config = {"row": "twin", "slug": "twin", "seed": seed, "order": 9}
        runs.write_json(tmp_path / "twin" / str(seed) / runs.CONFIG, config)
    made = tabulate(tmp_path)
    assert made.lines[1].cells["bleu"].p_value == 1.0
    assert made.lines[1].cells["perplexity"].p_value == 1.0
    assert not any(cell.mark for line in made.lines for cell in line.cells.values())


def test_another_baseline_by_name_or_slug(sweep):
    by_name, by_slug = (
        tabulate(sweep, baseline=name) for name in ("global (dot)", "global-dot")
    )
    assert by_name == by_slug
    assert by_name.lines[0].cells["bleu"].p_value is None
    assert by_name.lines[2].cells["bleu"].best
    assert by_name.lines[2].cells["bleu"].mark == "†"
    assert "the baseline (global (dot))" in " ".join(by_name.notes)
    with pytest.raises(ValueError, match=r"no row 'local'.*choose global \(dot\), "):
        tabulate(sweep, baseline="local")


def test_other_sentences_are_never_compared(tmp_path, sweep):
    root = tmp_path / "copy"
    shutil.copytree(sweep, root)
    for seed in range(3):
        folder = root / "global-dot" / str(seed)
        references = runs.read_lines(folder / runs.REFERENCES)
        runs.write_lines(folder / runs.REFERENCES, references[::-1])
    (root / "local-m-general" / "1" / runs.HYPOTHESES).unlink()
    for seed in (1, 2):
        (root / "local-m-general" / str(seed) / runs.LOSSES).unlink()
    made = tabulate(root)
    assert made.lines[0].cells["bleu"].p_value is None
    assert made.lines[1].cells["bleu"].p_value is None
    assert made.lines[0].cells["aer"].mark
    notes = "\n".join(made.notes)
    want = "not tested for want of the same test sentences in every seed"
    for title in ("BLEU", "perplexity"):
        assert f"{title}, {want}: global (dot), local-m (general)." in notes
    assert "local-m (general), seeds 1, 2: no losses.tsv, so its perplexity" in notes
    assert "local-m (general), seed 1: no hypotheses.txt" in notes
    assert "global (dot), seed 0: BLEU is " in notes  # the score does not fit its text


def test_aer_counts_are_of_the_runs_main_set(sweep):
    run = runs.find(sweep)[0]
    aligned, problem = example_stats._alignments(run, StoredCounts())
    assert aligned is not None and not problem
    np.testing.assert_allclose(
        aer.score(aligned.counts.sum(axis=0)), run.result["aer"], rtol=1e-12
    )
    pair = aligned.pairs[0]
    sets = {
        "plain": [pair._replace(sure=frozenset(), possible=frozenset())],
        "a": [pair],
        "b": [pair],
    }
    possible = {n: [p.possible for p in pairs] for n, pairs in sets.items()}
    numbers = {"aer": 0.2, "gold": "b", "aers": {"a": {"aer": 0.2}}}
    stated = run._replace(result=numbers)
    assert example_stats.main_set(stated, possible) == "b"
    unstated = run._replace(result={"aer": None})
    assert example_stats.main_set(unstated, possible) == "a"
    assert example_stats.main_set(run, {"plain": possible["plain"]}) == "plain"
    assert example_stats.main_set(run, {}) is None


def test_failed_and_unfinished_runs_are_lines_and_sentences(tmp_path, write_run, pairs):
    write_run(tmp_path, "good", 0, 0, pairs)
    write_run(tmp_path, "bad", 0, 1, pairs, "failed")
    write_run(tmp_path, "slow", 0, 2, pairs, "unfinished")
    made = tabulate(tmp_path)
    assert [line.name for line in made.lines] == ["good", "bad, seed 0", "slow"]
    assert made.lines[1].failure.startswith("failed at step 700: the loss is nan")
    assert made.lines[2].cells == {}
    assert made.missing == ["slow, seed 0: unfinished, at step 1600"]
    assert "One seed a row" in made.notes[0]
    assert not made.lines[0].cells["bleu"].best  # of one row alone nothing is best
    text = render.text(made)
    assert "bad, seed 0  failed at step 700: the loss is nan | after 50% of_it" in text
    assert r"nan \| after 50% of\_it |" in render.markdown(made)
    assert r"\multicolumn{4}{l}{\emph{failed at step 700" in render.latex(made)
    assert r"nan \textbar{} after 50\% of\_it" in render.latex(made)


def test_nothing_finished_yet(tmp_path, write_run, pairs):
    write_run(tmp_path, "slow", 0, 0, pairs, "unfinished")
    made = tabulate(tmp_path)
    assert made.notes == ["No run has finished."]
    for printed in (render.text(made), render.markdown(made), render.latex(made)):
        assert "slow" in printed and "unfinished, at step 1600" in printed


SOFT = {"perplexity": 4.0, "attention_entropy": 1.2, "aer_posterior": 0.3}
SOFT |= {"seconds_per_step": 0.0802, "perplexity_bound": "expected"}
HARD = SOFT | {"perplexity_bound": "marginal", "perplexity_argmax": 4.5}


def by_hand(*grouped):
    return table.make_table(grouped, {row.name: nothing(row) for row in grouped})


def test_columns_of_hard_reads_come_with_a_hard_row():
    alone = by_hand(row_of("soft", SOFT))
    assert [column.key for column in alone.columns] == ["perplexity"]
    soft, hard = row_of("soft", SOFT), row_of("hard", HARD)
    both = by_hand(soft, hard)
    assert [column.title for column in both.columns] == (
        ["AER post.", "perplexity", "by argmax", "entropy", "ms/step"]
    )
    assert "perplexity_argmax" not in both.lines[0].cells
    assert both.lines[1].cells["perplexity_argmax"].mean == 4.5
    assert both.lines[0].cells["aer_posterior"].mean == 0.3
    assert not any(line.cells["attention_entropy"].best for line in both.lines)
    late = row_of("hard", None)
    assert [column.key for column in by_hand(soft, late).columns] == ["perplexity"]


def test_a_column_of_hard_reads_without_numbers_is_left_out():
    without = {key: HARD[key] for key in HARD if key != "aer_posterior"}
    keys = [column.key for column in by_hand(row_of("hard", without)).columns]
    assert "aer_posterior" not in keys and "perplexity_argmax" in keys


def test_seconds_of_a_step_are_shown_in_milliseconds():
    slow = HARD | {"seconds_per_step": 0.1206}
    (line,) = by_hand(row_of("hard", HARD, slow)).lines
    cell = line.cells["seconds_per_step"]
    np.testing.assert_allclose((cell.mean, cell.spread), (100.4, 20.2 * 2**0.5))
    lines = render.text(by_hand(row_of("hard", HARD))).splitlines()
    assert lines[0].endswith("ms/step") and lines[2].endswith("80.2")


def test_the_legend_says_what_the_numbers_are_before_how_they_were_tested():
    gold = {"gold": "silver_test", "aer": 0.4}
    grouped = row_of("soft", SOFT | gold), row_of("hard, 1 sample", HARD | gold)
    stats = {row.name: nothing(row) for row in grouped}
    stats["soft"] = stats["soft"]._replace(notes=[(0, "no losses.tsv")])
    spread, soft, hard, silver, columns, *tests, note = table.make_table(
        grouped, stats
    ).notes
    assert spread.startswith("One seed a row")
    assert soft == "Perplexity is that of the expected value in soft."
    assert hard.endswith("the marginal over positions in hard, 1 sample.")
    assert silver.startswith("AER is on silver_test, links of a program")
    assert columns.startswith("AER post.: ") and "Entropy: " in columns
    assert columns.index("By argmax: ") < columns.index("ms/step: ")
    assert [line.partition(",")[0] for line in tests] == ["AER", "perplexity"]
    assert tests[0].endswith(": soft; hard, 1 sample.")
    assert note == "soft, seed 0: no losses.tsv."
    assert r"p(position \textbar{} target word)" in render.latex(
        table.make_table(grouped, stats)
    )


SMALL = Table(
    (Column("bleu", "BLEU", 1, +1), Column("parameters", "parameters", 0, 0)),
    [
        TableLine("a_b & c", {"bleu": TableCell(20.04, 0.5, 2, False, 0.01, 0.02)}),
        TableLine(
            "b",
            {
                "bleu": TableCell(31.0, 1.25, 2, True, 0.01, 0.2),
                "parameters": TableCell(1e6, 0, 2),
            },
        ),
        TableLine("a, seed 3", {}, "failed: $ x"),
    ],
    ["† is a mark."],
    [],
)


def squeezed(text):
    """Lines without the blanks that pad the cells of a column to one width."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_markdown():
    heading, rule, *lines = squeezed(render.markdown(SMALL))
    assert heading == "| | BLEU | parameters |"
    assert re.fullmatch(r"\|:?-+\|-+:\|-+:\|", rule)
    assert lines == [
        "| a\\_b & c | 20.0 ± 0.5 † | — |",
        "| b | **31.0 ± 1.2** ° | 1,000,000 |",
        "| a, seed 3 | failed: $ x | |",
        "",
        "The best of a column is in bold.",
        "",
        "† is a mark.",
    ]


def test_latex():
    lines = squeezed(render.latex(SMALL))
    assert lines[1] == r"\begin{tabular}{lrr}"
    assert lines[2:5] == [r"\toprule", r"& BLEU & parameters \\", r"\midrule"]
    assert lines[5:8] == [
        r"a\_b \& c & 20.0 $\pm$ 0.5\rlap{$^\dagger$} & --- \\",
        r"b & \textbf{\boldmath 31.0 $\pm$ 1.2}\rlap{$^\circ$} & 1,000,000 \\",
        r"a, seed 3 & \multicolumn{2}{l}{\emph{failed: \$ x}} \\",
    ]
    assert lines[8:10] == [r"\bottomrule", r"\end{tabular}"]


def test_text_lines_up_and_keeps_failures_in_place():
    lines = render.text(SMALL).splitlines()
    assert re.search(r"20\.0 ± 0\.5† +—$", lines[2])
    assert lines[3].index("±") == lines[2].index("±")
    assert lines[3].split() == ["b", "31.0", "±", "1.2*°", "1,000,000"]
    assert lines[4] == "a, seed 3  failed: $ x"
    assert lines[5] == ""


def test_a_narrow_terminal_folds_sentences_and_no_table():
    noted = SMALL._replace(notes=["one two three four five six seven"] * 2)
    wide, narrow = (render.text(noted, width=width).splitlines() for width in (200, 20))
    assert narrow[:4] == wide[:4] and len(wide[3]) > 20
    assert narrow[4:6] == ["a, seed 3  failed: $", "x"]
    assert max(map(len, narrow[4:])) <= 20
    words = [" ".join(lines).split() for lines in (narrow[4:], wide[4:])]
    assert words[0] == words[1]
