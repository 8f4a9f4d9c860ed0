"""Lines on words that a run's vocabularies do not have."""

from typing import Any


def unknown_words(run: Any, source: str, target: str = "") -> list[str]:
    """Which words a run reads as unknown.

    Args:
      run: a TrainedTranslation or a TrainedAligner.
      source: words, split at blanks.
      target: likewise; "" where the run translates.

    Returns:
      A line for each side with such words.
    """
    from attnlab.text.vocabulary import UNK
    from attnlab.text.words import split_words

    if hasattr(run, "translator"):
        codecs = run.translator.source, run.translator.target
    else:
        aligner = run.pair_aligner
        codecs = aligner.source.vocabulary, aligner.target.vocabulary
    lines = []
    texts = {"source": source, "target": target}
    for (side, text), codec in zip(texts.items(), codecs, strict=True):
        words = [
            word
            for word in dict.fromkeys(split_words(text))
            if UNK in list(codec.encode((word,)).ids)
        ]
        if words:
            lines.append(f"{run.folder} does not know the {side} {', '.join(words)}")
    return lines
