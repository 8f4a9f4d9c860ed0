"""Captioned pictures in numbers, against counts by hand."""

import numpy as np

from attnlab.tasks.captioning.batches import Captioned, GoldPlace, Pictures
from attnlab.tasks.captioning.describe import describe
from tests.corpora.tables import rows


def test_captioned_pictures():
    picture = np.zeros((4, 6, 3), np.uint8)
    place = GoldPlace(0, 0.0, 0.0, 1.0, 1.0)
    train = [
        Captioned("a", (("a", "dog"), ("dog",)), picture, places=(place,)),
        Captioned("b", (("dog",),), picture),
    ]
    dev = [Captioned("c", (("dog",), ("a", "cat", "ran")), picture)]
    description = describe(Pictures("p", train, dev, dev, ""))
    assert rows(description, "pictures of 4 x 6 x 3")["dev"] == {
        "pictures": "1",
        "captions": "2",
        "different ones": "2",
        "also in train": "1",
    }
    assert rows(description, "pictures")["train"]["different ones"] == "2"
    lengths = rows(description, "lengths")
    assert lengths["captions of a picture"]["mean"] == "1.5"
    assert lengths["places of a picture"]["most"] == "1"
    assert rows(description, "share of words known")["dev"]["all"] == "50.0%"
    given = [
        item._replace(picture=None, features=np.zeros((2, 2, 5))) for item in train
    ]
    description = describe(Pictures("p", given, given, given, ""))
    assert rows(description, "features of 2 x 2 x 5")["train"]["pictures"] == "2"
