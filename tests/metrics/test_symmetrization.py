import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlab.metrics import symmetrization as symmetrize
from attnlab.metrics.symmetrization import LILT_ORDER, STRAIGHT_FIRST, SYMMETRIZATIONS

link_sets = st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


def test_orders_are_the_eight_neighbors():
    eight = {(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)} - {(0, 0)}
    assert len(STRAIGHT_FIRST) == len(LILT_ORDER) == 8
    assert set(STRAIGHT_FIRST) == set(LILT_ORDER) == eight


# Links (t, s). Common: (0, 0). (0, 1) touches it but its t is taken; (1, 1) touches it
# diagonally and both words are free; (2, 3) touches nothing, both words free; (0, 4)
# touches nothing and its t is taken.
FORWARD = {(0, 0), (1, 1), (2, 3)}
BACKWARD = {(0, 0), (0, 1), (0, 4)}


@pytest.mark.parametrize(
    "name, expected",
    [
        ("intersection", {(0, 0)}),
        ("union", {(0, 0), (1, 1), (2, 3), (0, 1), (0, 4)}),
        ("grow-diag", {(0, 0), (0, 1), (1, 1)}),
        ("grow-diag-final", {(0, 0), (0, 1), (1, 1), (2, 3), (0, 4)}),
        ("grow-diag-final-and", {(0, 0), (0, 1), (1, 1), (2, 3)}),
    ],
)
def test_hand_worked(name, expected):
    assert SYMMETRIZATIONS[name](FORWARD, BACKWARD) == expected


def test_hand_worked_with_both_words_free():
    grown = symmetrize.grow_diagonal(FORWARD, BACKWARD, free="both")
    assert grown == {(0, 0), (1, 1)}
    final = symmetrize.grow_diagonal_final_and(FORWARD, BACKWARD, free="both")
    assert final == {(0, 0), (1, 1), (2, 3)}


def test_growth_goes_on_from_links_that_joined_behind():
    # from (0, 3) to (1, 2) to (2, 1): each lies before the last in source order
    forward, backward = {(0, 3), (1, 2), (2, 1)}, {(0, 3)}
    assert symmetrize.grow_diagonal(forward, backward) == forward


def test_order_settles_which_neighbor_joins():
    # from (1, 1): (2, 2) uses up a word that each of (2, 0) and (0, 2) needs
    forward, backward = {(1, 1), (2, 2)}, {(1, 1), (0, 2), (2, 0)}

    def grown(*order):
        return symmetrize.grow_diagonal(forward, backward, free="both", order=order)

    assert grown((1, 1), (-1, 1), (1, -1)) == {(1, 1), (2, 2)}
    assert grown((-1, 1), (1, -1), (1, 1)) == {(1, 1), (0, 2), (2, 0)}


@given(link_sets, link_sets)
def test_between_intersection_and_union(forward, backward):
    bottom = symmetrize.intersection(forward, backward)
    top = symmetrize.union(forward, backward)
    for free in ("either", "both"):
        grown = symmetrize.grow_diagonal(forward, backward, free=free)
        final_and = symmetrize.grow_diagonal_final_and(forward, backward, free=free)
        final = symmetrize.grow_diagonal_final(forward, backward, free=free)
        assert bottom <= grown <= final_and <= top
        assert grown <= final <= top
        # every word that some link reaches is covered in the end
        assert {t for t, _ in final} == {t for t, _ in top}
        assert {s for _, s in final} == {s for _, s in top}


@given(link_sets, link_sets)
def test_inputs_are_left_alone(forward, backward):
    mine, yours = set(forward), set(backward)
    for combine in SYMMETRIZATIONS.values():
        result = combine(mine, yours)
        assert (mine, yours) == (set(forward), set(backward))
        assert result is not mine and result is not yours


def test_unknown_free():
    with pytest.raises(ValueError, match="unknown free 'or'; choose either, both"):
        symmetrize.grow_diagonal(set(), set(), free="or")
