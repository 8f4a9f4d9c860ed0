"""The parallel corpora: CORPORA has the loader of each, ENTRIES what is known of it.

Most are sentences, some are strings (`Corpus.symbols`).
`attnlab.corpora.loading.load_corpus(CORPORA, "hansards", limit=50_000)` loads one with
checked options. To add one: a module with a loader and an Entry, and two lines here.
"""

from collections.abc import Callable

from attnlab.text import (
    cmudict,
    europarl,
    hansards,
    multi30k,
    nettalk,
    sigmorphon,
    synthetic,
    tatoeba,
)
from attnlab.text.files import files
from attnlab.text.pairs import Corpus
from attnlab.text.shards import shards

CORPORA: dict[str, Callable[..., Corpus]] = {
    "synthetic": synthetic.synthetic,
    "hansards": hansards.hansards,
    "multi30k": multi30k.multi30k,
    "tatoeba": tatoeba.tatoeba,
    "europarl": europarl.europarl,
    "nettalk": nettalk.nettalk,
    "cmudict": cmudict.cmudict,
    "sigmorphon-german": sigmorphon.sigmorphon_german,
    "files": files,
    "shards": shards,
}
ENTRIES = (
    hansards.ENTRY,
    multi30k.ENTRY,
    tatoeba.ENTRY,
    europarl.ENTRY,
    nettalk.ENTRY,
    cmudict.ENTRY,
    sigmorphon.ENTRY,
    synthetic.ENTRY,
)
