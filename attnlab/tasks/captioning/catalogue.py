"""What the catalogue says of the corpora of captioned pictures."""

from attnlab.corpora.catalogue import Entry
from attnlab.tasks.captioning import pictures

ENTRIES = (
    Entry(
        "flickr8k_1k",
        "875 photographs of Flickr8k, at most 200 pixels a side, five captions each",
        (698, 64, 113),
        "not open: non-commercial research; photographs belong to their takers",
        pictures.FLICKR,
        ("flickr8k_1k",),
    ),
    Entry(
        "emoji_captions",
        "emoji of 32 x 32 pixels with their Unicode names",
        (3_282, 281, 218),
        "open: MIT (emoji-datasource-google), pictures Apache 2.0 (Noto Emoji)",
        pictures.EMOJI,
        ("emoji_captions",),
    ),
    Entry(
        "scenes",
        "handwritten digits on a grid; where each word looks is known",
        (6_000, 200, 500),
        "open: Apache 2.0, as attnlab; its digits CC BY 4.0 (UCI)",
    ),
)
