"""What the papers claim, a record a claim: two rows of a sweep, and a score.

To add one: a Claim in CLAIMS, whose rows a file of `configs/ablations` has. Claims
about gradient estimators are on the rows that `experiments.estimators` measures.
"""

from typing import NamedTuple


class Claim(NamedTuple):
    """`better` beats `worse` in a score.

    key: what it is called on the command line.
    paper: who claims it, and where.
    says: the claim, in our words.
    config: the sweep, `configs/ablations/<config>.py`, with its argument after ":".
    better, worse: rows of the sweep.
    score: a score of the table (`attnlab.metrics.registry`).
    theirs: the paper's numbers, `better` first; "" where it has none for these rows.
    at_least: the score is of test sentences of at least so many words; 0: of all.
    worse_score: a key of result.json that `worse` is judged by instead, as when one row
      has both; "": the same.
    size: one size of the score, of `<score>_by_size` in result.json; "": the largest
      that was learned from.
    quick: its sweep takes minutes on a laptop and needs no corpus.
    otherwise: why it may come out otherwise, and what would decide; shown on the page
      where it did not hold.
    """

    key: str
    paper: str
    says: str
    config: str
    better: str
    worse: str
    score: str
    theirs: str = ""
    at_least: int = 0
    worse_score: str = ""
    size: str = ""
    quick: bool = False
    otherwise: str = ""

    @property
    def folder(self) -> str:
        """The sweep's folder, as the documents have it: runs/<folder>."""
        return self.config.replace(":", "-")


ESTIMATORS = "estimators"
"""The `config` of claims on what `experiments.estimators` measures."""


BAHDANAU = "Bahdanau et al. 2015"
LUONG = "Luong et al. 2015"
XU = "Xu et al. 2015"
DENG = "Deng et al. 2018"
GRAVES = "Graves et al. 2014"
HERMANN = "Hermann et al. 2015"
SUKHBAATAR = "Sukhbaatar et al. 2015"
WU = "Wu et al. 2018"
WU_2019 = "Wu and Cotterell 2019"
STRINGS = {"": "nettalk", ":cmudict": "cmudict", ":sigmorphon-german": "inflection"}

CLAIMS = (
    Claim(
        "long-sentences",
        f"{BAHDANAU}, figure 2",
        "Where sentences are long, attention translates better than a fixed context.",
        "synthetic",
        "global (general)",
        "none",
        "bleu",
        at_least=12,
        quick=True,
    ),
    Claim(
        "attention",
        f"{BAHDANAU}, table 1",
        "Attention translates better than a fixed context.",
        "hansards",
        "bahdanau2014",
        "none",
        "bleu",
        "26.75 : 17.82",
    ),
    Claim(
        "alignment",
        f"{BAHDANAU}, section 5.2",
        "Attention aligns words as people do, without being told (the row without "
        "attention has no links).",
        "synthetic",
        "bahdanau2014",
        "none",
        "aer",
        quick=True,
    ),
    Claim(
        "general-location",
        f"{LUONG}, table 4",
        "Scores that look at the source translate better than location-based ones.",
        "synthetic",
        "global (general)",
        "global (location)",
        "perplexity",
        "6.1 : 6.4",
        quick=True,
    ),
    Claim(
        "general-dot",
        f"{LUONG}, table 4",
        "A learned product of states (general) translates better than a plain one "
        "(dot).",
        "synthetic",
        "global (general)",
        "global (dot)",
        "perplexity",
        quick=True,
    ),
    Claim(
        "general-additive",
        f"{LUONG}, section 5.3",
        "A product translates better than a small network on both states (concat; here "
        "Bahdanau's additive score).",
        "synthetic",
        "global (general)",
        "global (additive)",
        "perplexity",
        quick=True,
    ),
    Claim(
        "shift-by-one",
        f"{LUONG}, section 3.1",
        "Weights by content lie on the word that is being written: as links they are "
        "better than their neighbours to the right.",
        "synthetic",
        "global (general)",
        "global (general)",
        "aer",
        worse_score="aer_shift_1",
        quick=True,
    ),
    Claim(
        "local-p-location-aer",
        f"{LUONG}, table 6",
        "Local windows align better than location-based scores over all of the source.",
        "synthetic",
        "local-p (general)",
        "global (location)",
        "aer",
        "0.36 : 0.39",
        quick=True,
    ),
    Claim(
        "local-m-location-aer",
        f"{LUONG}, table 6",
        "Windows that walk with the target align better than location-based scores.",
        "synthetic",
        "local-m (general)",
        "global (location)",
        "aer",
        "0.34 : 0.39",
        quick=True,
    ),
    Claim(
        "local-p-global",
        f"{LUONG}, table 4",
        "Predicted local windows translate better than all of the source.",
        "synthetic",
        "local-p (general)",
        "global (general)",
        "perplexity",
        "5.9 : 6.1",
        quick=True,
    ),
    Claim(
        "local-p-local-m",
        f"{LUONG}, table 4",
        "Predicted windows translate better than windows that walk with the target.",
        "synthetic",
        "local-p (general)",
        "local-m (general)",
        "perplexity",
        "5.9 : 6.2",
        quick=True,
    ),
    Claim(
        "local-m-global",
        f"{LUONG}, table 4",
        "All of the source translates better than windows that walk with the target.",
        "synthetic",
        "global (general)",
        "local-m (general)",
        "perplexity",
        "6.1 : 6.2",
        quick=True,
    ),
    Claim(
        "local-m-local-p-aer",
        f"{LUONG}, table 6",
        "Windows that walk with the target align better than predicted ones.",
        "hansards",
        "local-m (general)",
        "local-p (general)",
        "aer",
        "0.34 : 0.36",
    ),
    Claim(
        "hard-soft-pictures",
        f"{XU}, table 1",
        "Hard attention captions better than soft attention.",
        "xu2015",
        "xu2015-hard",
        "soft",
        "bleu",
        "21.3 : 19.5",
    ),
    Claim(
        "doubly-stochastic",
        f"{XU}, section 4.2.1",
        "Asking that every place is looked at once makes captions better.",
        "xu2015",
        "soft, doubly stochastic",
        "soft",
        "bleu",
    ),
    Claim(
        "marginal-soft",
        f"{DENG}, table 1",
        "The exact marginal predicts better than soft attention.",
        "deng2018",
        "exact marginal",
        "soft",
        "perplexity",
        "6.34 : 7.17",
    ),
    Claim(
        "soft-hard",
        f"{DENG}, table 1",
        "Soft attention predicts better than a bound on hard attention.",
        "deng2018",
        "soft",
        "hard, enumerated",
        "perplexity",
        "7.17 : 7.37",
    ),
    Claim(
        "elbo-soft",
        f"{DENG}, table 1",
        "Variational attention predicts better than soft attention.",
        "deng2018",
        "elbo, enumerated",
        "soft",
        "perplexity",
        "6.08 : 7.17",
    ),
    Claim(
        "top-k-soft",
        "Shankar et al. 2018",
        "A joint distribution over the best few places predicts better than soft "
        "attention.",
        "deng2018",
        "top-5 joint",
        "soft",
        "perplexity",
    ),
    Claim(
        "posterior-prior",
        "Shankar and Sarawagi 2019",
        "The posterior, which has seen the word, aligns better than the prior.",
        "deng2018",
        "exact marginal",
        "exact marginal",
        "aer_posterior",
        worse_score="aer",
    ),
    *(
        Claim(
            f"baseline-{quiet}",
            paper,
            f"REINFORCE with the {says} has less variance than {than}.",
            ESTIMATORS,
            f"expected reinforce {quiet} step",
            f"expected reinforce {noisy} step",
            "variance",
            quick=True,
        )
        for quiet, noisy, paper, says, than in (
            (
                "moving-average",
                "none",
                f"{XU}, section 4.1",
                "mean of past rewards as baseline",
                "without any",
            ),
            (
                "soft",
                "moving-average",
                f"{DENG}, section 3",
                "reward of soft attention as baseline",
                "with the mean of past rewards",
            ),
            (
                "self-critical",
                "moving-average",
                "Rennie et al. 2017",
                "reward of the likeliest position as baseline",
                "with the mean of past rewards",
            ),
        )
    ),
    Claim(
        "ntm-lstm",
        f"{GRAVES}, figure 3",
        "A machine with a memory copies sequences better than an LSTM.",
        "graves2014",
        "NTM, LSTM",
        "LSTM",
        "bits_per_item",
    ),
    Claim(
        "ntm-generalizes",
        f"{GRAVES}, section 4.1",
        "A machine copies twice the length that it learned from better than an LSTM.",
        "graves2014",
        "NTM, LSTM",
        "LSTM",
        "bits_per_item",
        size="16",
        otherwise="Seeds differ: some machines copy three times their length without "
        "a wrong bit, others are surely wrong at twice. More seeds would "
        "decide, and machines of the paper's sizes.",
    ),
    Claim(
        "ntm-ngrams",
        f"{GRAVES}, section 4.4",
        "A machine predicts n-grams better than an LSTM.",
        "graves2014:ngrams",
        "NTM, LSTM",
        "LSTM",
        "bits_per_item",
        otherwise="Some machines come near the optimal estimator, others stay where "
        "the LSTM is. More sequences would decide: the paper's figure goes "
        "to a million.",
    ),
    Claim(
        "ntm-sort",
        f"{GRAVES}, section 4.5",
        "A machine sorts by priority better than an LSTM.",
        "graves2014:sort",
        "NTM, LSTM",
        "LSTM",
        "bits_per_item",
    ),
    Claim(
        "attentive-lstm",
        f"{HERMANN}, table 5",
        "The attentive reader answers better than a deep LSTM.",
        "hermann2015",
        "attentive",
        "deep LSTM",
        "accuracy",
        "63.0 : 57.0",
    ),
    Claim(
        "impatient-lstm",
        f"{HERMANN}, table 5",
        "The impatient reader answers better than a deep LSTM.",
        "hermann2015",
        "impatient",
        "deep LSTM",
        "accuracy",
        "63.8 : 57.0",
    ),
    Claim(
        "attentive-uniform",
        f"{HERMANN}, table 5",
        "Attention that may choose answers better than the mean of all words.",
        "hermann2015",
        "attentive",
        "uniform attention",
        "accuracy",
        "63.0 : 39.4",
    ),
    Claim(
        "impatient-attentive",
        f"{HERMANN}, table 5",
        "Reading the passage again at every word of the question answers better.",
        "hermann2015",
        "impatient",
        "attentive",
        "accuracy",
        "63.8 : 63.0",
        otherwise="It looks again at every word of the question, and learns more "
        "slowly. Longer training of both would decide, and passages as long "
        "as a newspaper's article, where a second look has more to find.",
    ),
    Claim(
        "attention-sum",
        "Kadlec et al. 2016, table 4",
        "Summing the attention on each candidate answers better than the attentive "
        "reader.",
        "hermann2015",
        "attention sum (Kadlec)",
        "attentive",
        "accuracy",
        "69.5 : 63.0",
        otherwise="Its seeds may differ by more than the readers do: more of them "
        "would decide.",
    ),
    Claim(
        "hops",
        f"{SUKHBAATAR}, table 1",
        "Three reads of the memory answer better than one.",
        "sukhbaatar2015",
        "PE LS RN",
        "1 hop",
        "accuracy",
        "86.1 : 74.2",
    ),
    Claim(
        "position-encoding",
        f"{SUKHBAATAR}, table 1",
        "Position encoding answers better than a bag of words.",
        "sukhbaatar2015",
        "PE",
        "bag of words",
        "accuracy",
        "79.7 : 74.9",
        otherwise="A bag of words answers the embedded stories, too, where the order "
        "of words hardly matters. Tasks of bAbI in which it does would "
        "decide: sukhbaatar2015.py:4.",
    ),
    Claim(
        "linear-start",
        f"{SUKHBAATAR}, table 1",
        "A linear start answers better.",
        "sukhbaatar2015",
        "PE LS",
        "PE",
        "accuracy",
        "83.7 : 79.7",
        otherwise="The embedded stories leave little to be gained, and are learned "
        "without it. Tasks where training without it gets stuck would "
        "decide, such as sukhbaatar2015.py:16.",
    ),
    Claim(
        "masking",
        "ilivans/tf-rnn-attention",
        "Attention that leaves padding out classifies better than one that does not.",
        "imdb",
        "attention, masked",
        "attention, compat",
        "accuracy",
    ),
    Claim(
        "attention-mean",
        "Yang et al. 2016, table 2",
        "Attention pooling classifies better than the mean of the states.",
        "imdb",
        "attention, masked",
        "mean",
        "accuracy",
        "49.4 : 47.8",
    ),
    *(
        claim
        for corpus, what in STRINGS.items()
        for claim in (
            Claim(
                f"exact-hard-soft-{what}",
                WU,
                "Exact hard attention makes fewer errors than soft attention: "
                f"{what.replace('-', ' ')}.",
                f"transduction{corpus}",
                "hard, exact marginal",
                "soft, global",
                "error_rate",
            ),
            Claim(
                f"monotonic-{what}",
                WU_2019,
                "Hard attention that never goes back makes fewer errors than one that "
                f"may: {what.replace('-', ' ')}.",
                f"transduction{corpus}",
                "chain, monotonic",
                "chain, jumps",
                "error_rate",
            ),
        )
    ),
)
