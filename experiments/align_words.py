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
        words_of = run.words  # lower-cased where the corpus was
    else:
        words_of = split_words
        aligner = run.pair_aligner
        codecs = aligner.source.vocabulary, aligner.target.vocabulary
    lines = []
    texts = {"source": source, "target": target}
    for (side, text), codec in zip(texts.items(), codecs, strict=True):
        words = [
            word
            for word in dict.fromkeys(words_of(text))
            if UNK in list(codec.encode((word,)).ids)
        ]
        if words:
            lines.append(f"{run.folder} does not know the {side} {', '.join(words)}")
    return lines
