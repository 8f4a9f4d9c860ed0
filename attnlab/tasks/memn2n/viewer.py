"""Stories for the report's page: a question with what each hop looked at."""

import json

from attnlab.report.examples import ExampleSet, answers, packed
from attnlab.runs import EXAMPLES, Run, read_arrays


def examples(run: Run) -> ExampleSet | None:
    """The test questions whose weights a run has written.

    Args:
      run: finished.

    Returns:
      The stories; None of a model without weights.
    """
    path = run.folder / EXAMPLES
    pairs = run.alignments().get("test", []) if path.exists() else []
    if not any(len(pair.target) for pair in pairs):
        return None
    records = json.loads(read_arrays(path)["questions"].tobytes())
    shared, results = [], []
    for pair, record in zip(pairs, records, strict=True):
        shared.append(
            {
                "source": list(pair.source),
                "target": record["question"].split(),
                "facts": sorted({int(s) for _, s in pair.sure}),
                "answer": record["answer"],
            }
        )
        said = answers(record["predicted"], record["answer"], record.get("probability"))
        results.append({"hops": len(pair.target), **packed(pair.weights), **said})
    return ExampleSet("story", "questions", shared, results)
