"""Run folders: what a run leaves on disk, written so that a kill cannot spoil it.

    runs/<sweep>/<row-slug>/<seed>/
      config.json       resolved settings, with "row", "slug", "seed" and "order", and
                        "extends" where the run goes on from another one
      texts.json        digests of the files that it was begun with
      corpus.json       what a model has to know of its corpus, such as its classes
      environment.json  commit, versions, platform, device, digests of plugins
      metrics.jsonl     {"step": n, "kind": "train", ...} a line; also dev and test
      files.sha256      digests of what a finished run has left, and of vocabularies
      log.txt           what its process printed
      result.json       written last: a folder without it is unfinished
      error.json        instead of a result, for a run that failed
      alignments.npz    attention matrices and gold links, by name of the test set
      sources.txt       the test set, a sentence a line; likewise references.txt and
                        hypotheses.txt (translation and captions)
      losses.tsv        nats and predicted units of each test sentence
      tallies.npz       other scores of each test example, as counts that add up
      examples.npz      what the figures of a task show
      damaged/          what was found to be so before it was made anew
      progress.json     what its process is doing just now; gone when that has ended
      .lock             who is training it

The folder is the only truth about a run: reports read it, wandb mirrors it. This part
needs NumPy and nothing else, so that a report starts without JAX.
"""

from attnlab.runs.alignments import (
    AlignedSentence,
    FlatAlignments,
    Links,
    Words,
    read_alignments,
    read_flat_alignments,
    write_alignments,
)
from attnlab.runs.config import read_config, upgrade
from attnlab.runs.example_counts import (
    ExampleCounts,
    read_example_counts,
    read_losses,
    unique_id,
    write_example_counts,
    write_losses,
)
from attnlab.runs.files import (
    ALIGNMENTS,
    CHECKPOINTS,
    CONFIG,
    CORPUS,
    ENVIRONMENT,
    ERROR,
    EXAMPLE_COUNTS,
    EXAMPLES,
    HYPOTHESES,
    LOG,
    LOSSES,
    METRICS,
    REFERENCES,
    RESULT,
    SOURCES,
    TEXTS,
    append_jsonl,
    plain,
    read_arrays,
    read_json,
    read_jsonl,
    read_lines,
    truncate_metrics,
    write_arrays,
    write_bytes,
    write_json,
    write_lines,
)
from attnlab.runs.folders import Run, damaged, find, fingerprint, slug
from attnlab.runs.lock import BusyRun, only_one
from attnlab.runs.manifest import (
    MANIFEST,
    check_result,
    checksum,
    damaged_files,
    digest,
    intact,
    keep,
    list_files,
    read_corpus,
    read_manifest,
    reopen,
    write_corpus,
    write_result,
)
from attnlab.runs.ownership import check_above, check_folder, leftovers, own_files
from attnlab.runs.progress import (
    COMPILING,
    EVALUATING,
    PROGRESS,
    READING,
    STARTING,
    TESTING,
    TRAINING,
    RunProgress,
    read_progress,
    remove_progress,
    write_progress,
)

__all__ = [
    "ALIGNMENTS",
    "CHECKPOINTS",
    "COMPILING",
    "CONFIG",
    "CORPUS",
    "ENVIRONMENT",
    "ERROR",
    "EVALUATING",
    "EXAMPLES",
    "HYPOTHESES",
    "LOG",
    "LOSSES",
    "MANIFEST",
    "METRICS",
    "PROGRESS",
    "READING",
    "REFERENCES",
    "RESULT",
    "SOURCES",
    "STARTING",
    "TESTING",
    "TEXTS",
    "TRAINING",
    "EXAMPLE_COUNTS",
    "AlignedSentence",
    "BusyRun",
    "FlatAlignments",
    "Links",
    "Words",
    "Run",
    "RunProgress",
    "ExampleCounts",
    "append_jsonl",
    "check_above",
    "check_folder",
    "leftovers",
    "own_files",
    "check_result",
    "checksum",
    "damaged",
    "damaged_files",
    "digest",
    "find",
    "fingerprint",
    "intact",
    "keep",
    "list_files",
    "only_one",
    "plain",
    "read_alignments",
    "read_flat_alignments",
    "read_config",
    "read_corpus",
    "upgrade",
    "read_arrays",
    "read_json",
    "read_jsonl",
    "read_lines",
    "read_losses",
    "read_manifest",
    "read_progress",
    "read_example_counts",
    "remove_progress",
    "reopen",
    "slug",
    "unique_id",
    "truncate_metrics",
    "write_alignments",
    "write_arrays",
    "write_bytes",
    "write_corpus",
    "write_json",
    "write_lines",
    "write_losses",
    "write_progress",
    "write_result",
    "write_example_counts",
]
