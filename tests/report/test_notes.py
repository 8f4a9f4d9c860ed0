from attnlab.report import notes as legend
from attnlab.report.example_stats import ExampleStats
from attnlab.tasks.translation.translator import PREDICTIONS
from tests.report.by_hand import row_of

SOFT = {"perplexity_bound": "expected", "gold": "odd224"}
HARD = {"perplexity_bound": "marginal", "perplexity_argmax": 9.0, "gold": "odd224"}


def test_spread_says_how_many_seeds():
    assert legend.spread([row_of("a", None)]) == "No run has finished."
    assert legend.spread([row_of("a", SOFT)]).startswith("One seed a row, so no spread")
    rows = [row_of("a", SOFT, SOFT), row_of("b", SOFT, SOFT, None)]
    assert legend.spread(rows).endswith("over seeds (2 a row).")
    rows.append(row_of("c", SOFT, SOFT, SOFT))
    assert legend.spread(rows).endswith("over seeds (2 to 3 a row).")


def test_signatures_that_differ_name_their_rows():
    one, other = {"bleu_signature": "tok:none"}, {"bleu_signature": "tok:13a"}
    first, last = row_of("a", one), row_of("d", one)
    assert legend.signatures([first, last]) == ["BLEU: tok:none."]
    assert legend.signatures([first, row_of("b, c", other), last]) == [
        "BLEU of a, d: tok:none (not comparable).",
        "BLEU of b, c: tok:13a (not comparable).",
    ]
    assert legend.signatures([row_of("a", {})]) == []


def test_bounds_are_a_matter_of_hard_rows():
    assert legend.bounds([row_of("soft", SOFT)]) == []
    rows = [row_of("a", HARD, HARD), row_of("b", HARD), row_of("c", None)]
    assert legend.bounds(rows) == ["Perplexity is that of the marginal over positions."]


def test_several_bounds_name_their_rows():
    argmax = HARD | {"perplexity_bound": "argmax"}
    rows = [
        row_of("soft", SOFT, SOFT),
        row_of("hard, enumerated", HARD),
        row_of("exact", HARD),
        row_of("argmax", argmax),
        row_of("new", HARD | {"perplexity_bound": "a new one"}),
    ]
    assert legend.bounds(rows) == [
        "Perplexity is that of the expected value in soft.",
        "Perplexity is that of the marginal over positions in hard, enumerated; exact.",
        "Perplexity is that of the most probable position alone in argmax.",
        "Perplexity is that of a new one in new.",
    ]


def test_one_bound_is_not_claimed_of_rows_that_do_not_state_theirs():
    old = row_of("old", {"perplexity": 3.0})
    assert legend.bounds([old, row_of("hard", HARD)]) == [
        "Perplexity is that of the marginal over positions in hard."
    ]
    changed = row_of("hard", HARD, HARD | {"perplexity_bound": "argmax"})
    assert legend.bounds([changed]) == [
        "Perplexity is that of the marginal over positions in hard.",
        "Perplexity is that of the most probable position alone in hard.",
    ]


def test_gold_by_people_and_by_a_program():
    silver = {"gold": "silver_test"}
    assert legend.gold([row_of("a", {"aer": None})]) == []
    assert legend.gold([row_of("a", SOFT), row_of("b", SOFT), row_of("c", {})]) == [
        "AER is on the gold set odd224."
    ]
    assert legend.gold([row_of("a", silver)]) == [
        "AER is on silver_test, links of a program: it measures likeness to that "
        "program."
    ]
    rows = [row_of("a", SOFT), row_of("b, c", silver), row_of("d", silver)]
    assert legend.gold(rows) == [
        "AER of a is on the gold set odd224 (not comparable).",
        "AER of b, c; d is on silver_test, links of a program: it measures likeness "
        "to that program (not comparable).",
    ]


def test_columns_are_explained_where_they_are_shown():
    assert legend.columns(["bleu", "perplexity", "parameters"]) == []
    (said,) = legend.columns(["bleu", "perplexity_argmax", "seconds_per_step"])
    assert said == (
        "By argmax: the perplexity where every step reads its most probable position "
        "alone. ms/step: training time of an update, compilations left out."
    )


def test_notes_are_folded_by_their_reason():
    def noted(*notes):
        return ExampleStats([], [], [], [], list(notes))

    known = {
        "soft": noted((0, "no losses.tsv"), (1, "no losses.tsv"), (1, "no sources")),
        "hard, enumerated": noted((2, "no losses.tsv")),
        "exact": noted(),
    }
    assert legend.notes(known) == [
        "soft, seeds 0, 1; hard, enumerated, seed 2: no losses.tsv.",
        "soft, seed 1: no sources.",
    ]


def test_every_bound_of_a_run_has_its_words():
    assert set(PREDICTIONS) == set(legend.BOUNDS)


def test_every_sentence_ends_before_the_next_one_begins():
    """LaTeX's small print sets them one after the other."""
    rows = [row_of("a", SOFT | {"bleu_signature": "tok:none"}), row_of("b", HARD)]
    said = [
        legend.spread(rows),
        *legend.signatures(rows),
        *legend.signatures([*rows, row_of("c", {"bleu_signature": "tok:13a"})]),
        *legend.bounds(rows),
        *legend.gold(rows),
        *legend.columns(list(legend.MEANINGS)),
        *legend.notes({"a": ExampleStats([], [], [], [], [(0, "no losses.tsv")])}),
    ]
    assert len(said) == 9 and all(sentence.endswith(".") for sentence in said)


def test_what_was_too_long_to_train_on_is_said():
    whole = row_of("whole", {"dropped_pairs": 0, "training_pairs": 900})
    cut = {"dropped_pairs": 3775, "training_pairs": 231_170}
    assert legend.left_out([whole, row_of("old", {"dropped_pairs": 3})]) == []
    assert legend.left_out([row_of("a", cut, cut), row_of("b", cut)]) == [
        "Left out of training, for being longer than the largest bucket: 3,775 of "
        "231,170 pairs."
    ]
    other = row_of("not, glued", cut | {"dropped_pairs": 1})
    assert legend.left_out([row_of("a", cut), other, whole]) == [
        "Left out of training of a, for being longer than the largest bucket: 3,775 of "
        "231,170 pairs.",
        "Left out of training of not, glued, for being longer than the largest bucket: "
        "1 of 231,170 pairs.",
    ]
