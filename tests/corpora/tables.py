"""How tests look into the description of a corpus."""

import numpy as np

from attnlab.corpora.corpus_stats import CorpusDescription


def rows(description: CorpusDescription, title: str) -> dict[str, dict[str, str]]:
    """{name of a row: {column: text}} of the table whose title begins so."""
    (table,) = [t for t in description.tables if t.title.startswith(title)]
    assert all(len(row) == len(table.columns) for row in table.rows)
    return {
        row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows
    }


def panel(description: CorpusDescription, x: str) -> dict[str, dict[int, float]]:
    """{name of a curve: {x: share}} of the panel whose label begins so."""
    (panel,) = [p for p in description.panels if p.x.startswith(x)]
    return {
        name: dict(zip(np.asarray(values).tolist(), shares.tolist(), strict=True))
        for name, (values, shares) in panel.series.items()
    }
