"""The picture of lengths: counts where they belong, and a rectangle a shape."""

import numpy as np

from attnlab.corpora.length_plot import pair_lengths


def test_pairs_are_counted_and_shapes_drawn():
    lengths = np.array([(2, 3), (2, 3), (4, 2)])
    axes = pair_lengths(lengths, [(3, 3), (4, 3)]).axes[0]
    (image,) = axes.get_images()
    counts = np.asarray(image.get_array().filled(0))  # [target, source]
    assert counts.shape == (4, 5)
    assert counts[3, 2] == 2 and counts[2, 4] == 1 and counts.sum() == 3
    assert not axes.yaxis_inverted()
    sizes = [(patch.get_width(), patch.get_height()) for patch in axes.patches]
    assert sizes == [(3, 3), (4, 3)]
