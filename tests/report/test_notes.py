from attnlab.report import notes
from attnlab.report.example_stats import ExampleStats
from attnlab.tasks.translation.translator import PREDICTIONS
from tests.report.by_hand import row_of

SOFT = {"perplexity_bound": "expected", "gold": "odd224"}
HARD = {"perplexity_bound": "marginal", "perplexity_argmax": 9.0, "gold": "odd224"}


def test_spread_says_how_many_seeds():
    assert notes.spread([row_of("a", None)]) == "No run has finished."
    assert notes.spread([row_of("a", SOFT)]).startswith("One seed a row, so no spread")
    rows = [row_of("a", SOFT, SOFT), row_of("b", SOFT, SOFT, None)]
    assert notes.spread(rows).endswith("over seeds (2 a row).")
    rows.append(row_of("c", SOFT, SOFT, SOFT))
    assert notes.spread(rows).endswith("over seeds (2 to 3 a row).")


def test_rows_that_know_few_words_are_named():
    said = "60% of the source words of train are unknown to the model"
    few = row_of("rare", {"unknown_words": said})
    assert notes.unknown([row_of("general", {}), few]) == [
        f"rare: {said}; not comparable."
    ]
    assert notes.unknown([row_of("general", {})]) == []


def test_signatures_that_differ_name_their_rows():
    words, other = {"bleu_signature": "tok:none"}, {"bleu_signature": "tok:13a"}
    first, last = row_of("a", words), row_of("d", words)
    assert notes.signatures([first, last]) == ["BLEU: tok:none."]
    assert notes.signatures([first, row_of("b, c", other), last]) == [
        "BLEU of a, d: tok:none (not comparable).",
        "BLEU of b, c: tok:13a (not comparable).",
    ]
    assert notes.signatures([row_of("a", {})]) == []


def test_bounds_are_a_matter_of_hard_rows():
    assert notes.bounds([row_of("soft", SOFT)]) == []
    rows = [row_of("a", HARD, HARD), row_of("b", HARD), row_of("c", None)]
    assert notes.bounds(rows) == ["Perplexity is that of the marginal over positions."]


def test_several_bounds_name_their_rows():
    argmax = HARD | {"perplexity_bound": "argmax"}
    rows = [
        row_of("soft", SOFT, SOFT),
        row_of("hard, enumerated", HARD),
        row_of("exact", HARD),
        row_of("argmax", argmax),
        row_of("new", HARD | {"perplexity_bound": "a new one"}),
    ]
    assert notes.bounds(rows) == [
        "Perplexity is that of the expected value in soft.",
        "Perplexity is that of the marginal over positions in hard, enumerated; exact.",
        "Perplexity is that of the most probable position alone in argmax.",
        "Perplexity is that of a new one in new.",
    ]


def test_one_bound_is_not_claimed_of_rows_that_do_not_state_theirs():
    old = row_of("old", {"perplexity": 3.0})
    assert notes.bounds([old, row_of("hard", HARD)]) == [
        "Perplexity is that of the marginal over positions in hard."
    ]
    changed = row_of("hard", HARD, HARD | {"perplexity_bound": "argmax"})
    assert notes.bounds([changed]) == [
        "Perplexity is that of the marginal over positions in hard.",
        "Perplexity is that of the most probable position alone in hard.",
    ]


def test_gold_by_people_and_by_a_program():
    silver = {"gold": "silver_test"}
    assert notes.gold([row_of("a", {"aer": None})]) == []
    assert notes.gold([row_of("a", SOFT), row_of("b", SOFT), row_of("c", {})]) == [
        "AER is on the gold set odd224."
    ]
    assert notes.gold([row_of("a", silver)]) == [
        "AER is on silver_test, links of a program: it measures likeness to that "
        "program."
    ]
    rows = [row_of("a", SOFT), row_of("b, c", silver), row_of("d", silver)]
    assert notes.gold(rows) == [
        "AER of a is on the gold set odd224 (not comparable).",
        "AER of b, c; d is on silver_test, links of a program: it measures likeness "
        "to that program (not comparable).",
    ]


def test_columns_are_explained_where_they_are_shown():
    assert notes.columns(["bleu", "perplexity", "parameters"]) == []
    (line,) = notes.columns(["bleu", "perplexity_argmax", "seconds_per_step"])
    assert line == (
        "By argmax: The perplexity where every step reads its most probable position "
        "alone. ms/step: Training time of an update, compilations left out."
    )


def test_notes_are_folded_by_their_reason():
    def noted(*problems):
        return ExampleStats([], [], [], [], list(problems))

    stats = {
        "soft": noted((0, "no losses.tsv"), (1, "no losses.tsv"), (1, "no sources")),
        "hard, enumerated": noted((2, "no losses.tsv")),
        "exact": noted(),
    }
    assert notes.unusable(stats) == [
        "soft, seeds 0, 1; hard, enumerated, seed 2: no losses.tsv.",
        "soft, seed 1: no sources.",
    ]


def test_every_bound_of_a_run_has_its_words():
    assert set(PREDICTIONS) == set(notes.BOUNDS)


def test_every_sentence_ends_before_the_next_one_begins():
    """LaTeX's small print sets them one after the other."""
    rows = [row_of("a", SOFT | {"bleu_signature": "tok:none"}), row_of("b", HARD)]
    lines = [
        notes.spread(rows),
        *notes.signatures(rows),
        *notes.signatures([*rows, row_of("c", {"bleu_signature": "tok:13a"})]),
        *notes.bounds(rows),
        *notes.gold(rows),
        *notes.columns(notes.UNUSUAL),
        *notes.unusable({"a": ExampleStats([], [], [], [], [(0, "no losses.tsv")])}),
    ]
    assert len(lines) == 9 and all(sentence.endswith(".") for sentence in lines)


def test_what_was_too_long_to_train_on_is_said():
    whole = row_of("whole", {"dropped_pairs": 0, "training_pairs": 900})
    cut = {"dropped_pairs": 3775, "training_pairs": 231_170}
    assert notes.left_out([whole, row_of("old", {"dropped_pairs": 3})]) == []
    assert notes.left_out([row_of("a", cut, cut), row_of("b", cut)]) == [
        "Left out of training, for being longer than the largest bucket: 3,775 of "
        "231,170 pairs."
    ]
    other = row_of("not, glued", cut | {"dropped_pairs": 1})
    assert notes.left_out([row_of("a", cut), other, whole]) == [
        "Left out of training of a, for being longer than the largest bucket: 3,775 of "
        "231,170 pairs.",
        "Left out of training of not, glued, for being longer than the largest bucket: "
        "1 of 231,170 pairs.",
    ]
