# %% [markdown]
# # 5. A classifier, and why padding needs a mask
#
# ## Goals
#
# - Pool the states of a sentence by attention: one learned query, one look.
# - See what goes wrong when padding shares the weights.
# - Draw a heat map over words, and judge whether it tells the truth.
#
# The papers: [Feed-forward networks with attention can solve some long-term memory
# problems](https://arxiv.org/abs/1512.08756) (Raffel and Ellis 2015), [Hierarchical
# attention networks](https://aclanthology.org/N16-1174/) (Yang et al. 2016), and, on
# the truth of heat maps, [Attention is not
# explanation](https://arxiv.org/abs/1902.10186) (Jain and Wallace 2019).

# %%
import sys

if "google.colab" in sys.modules:  # a checkout of attnlab lies in /content/attnlab
    from IPython import get_ipython

    get_ipython().run_line_magic("pip", "install --quiet /content/attnlab")

# %%
import tempfile
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax

from attnlab.compilation import jit
from attnlab.report.shaded import ShadedText, shaded
from attnlab.tasks import make_task, parse_settings, spec
from attnlab.tasks.classification.task import build_model

plt.rcParams["figure.dpi"] = 70

# %% [markdown]
# ## Sentences with planted evidence
#
# Word salad, in which a **cue** ("superb", "dull") decides the class. A negator before
# it ("hardly superb") turns it round, a rumour ("reportedly superb") voids it. So we
# know which words decide, and can check whether attention finds them.

# %%
config = {
    "task": "classification",
    "data": {
        "shapes": 1,
        "longest": 48,
        "evidence": {
            "train": 3000,
            "dev": 20,
            "test": 300,
            "lengths": [8, 20],
            "cues": 1,
            "decoys": 1,
        },
    },
    "model": {"embedding": 16, "hidden": 16, "attention_hidden": 16, "dropout": 0.0},
    "train": {"batch_size": 32},
    "evaluate": {"sentences": 100},
}
corpus = parse_settings(config).data.load()
for example in corpus.test[:3]:
    decide = [example.words[place] for place in sorted(example.evidence)]
    print(corpus.classes[example.label], decide, "in:", " ".join(example.words))

# %% [markdown]
# ## Attention pooling
#
# A bidirectional GRU gives a state $h_t$ for each word. Instead of a decoder that asks,
# a learned vector does, once (Yang et al., equations 5 to 7):
#
# $$u_t = \tanh(W h_t + b) \qquad \alpha_t = \frac{\exp(u_t^\top u_w)}{\sum_s
#   \exp(u_s^\top u_w)} \qquad v = \sum_t \alpha_t h_t \qquad p = \sigma(w^\top v +
#   c).$$
#
# Sentences of a batch have different lengths, so shorter ones are filled up with
# padding. The sum over $s$ has to leave the padding out: that is the **mask**. We train
# the model twice. With `compat` it behaves as a well-known public implementation does,
# where sentences are padded up to 48 words and the padding, whose states are zero,
# takes part.


# %%
def train(config, steps, learning_rate=1e-2):
    """A trained run, by the loop of notebook 1."""
    settings, folder = parse_settings(config), Path(tempfile.mkdtemp())
    task = make_task(settings, folder)
    params = jit(task.init, runs="once")(jax.random.key(settings.seed))
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

    def mean_loss(params, batch, rng):
        total, (sums, _) = task.loss(params, batch, rng, task.estimator_state)
        return total / sums.tokens

    def update(params, state, batch, rng):
        loss, gradient = jax.value_and_grad(mean_loss)(params, batch, rng)
        changes, state = tx.update(gradient, state, params)
        return optax.apply_updates(params, changes), state, loss

    update, state, losses = jit(update, runs="seldom"), tx.init(params), []
    for step in range(steps):
        rng = jax.random.fold_in(jax.random.key(1), step)
        params, state, loss = update(params, state, task.batches.at(step), rng)
        losses.append(loss)
    run = spec(settings.task).loader(settings, folder).make(folder, steps, params)
    return run, np.array(losses)


runs, losses = {}, {}
for name, compat in {"masked": False, "not masked": True}.items():
    ours = config | {"model": config["model"] | {"compat": compat}}
    runs[name], losses[name] = train(ours, 300)

# %%
texts = [example.words for example in corpus.test]
labels = np.array([example.label for example in corpus.test])
answers = {name: run.classify(texts) for name, run in runs.items()}
right = {
    name: np.array([corpus.classes.index(answer.label) for answer in given]) == labels
    for name, given in answers.items()
}
figure, panels = plt.subplots(1, 2, figsize=(9, 2.8))
for name, curve in losses.items():
    panels[0].plot(curve.reshape(-1, 10).mean(axis=1), label=name)
    panels[1].bar(name, right[name].mean())
panels[0].set(xlabel="updates / 10", ylabel="loss")
panels[0].legend()
panels[1].set(title="test accuracy", ylim=(0.5, 1))
figure.tight_layout()
print({name: float(hits.mean().round(3)) for name, hits in right.items()})

# %% [markdown]
# In the same updates, the one without a mask has learned much less.
#
# ## By hand
#
# The states come from the library; the pooling is ours. `mask` is all that differs.

# %%
params = jax.tree.map(np.asarray, runs["masked"].params["params"])
codec = runs["masked"].evaluator.codec
model = build_model(runs["masked"].settings, codec.size, len(corpus.classes))
states_of = jit(model.apply, runs="once")
example = max(corpus.test, key=lambda example: len(example.words))
EOS = 2
ids = np.array([[*codec.encode(example.words).ids, EOS]])
states = np.asarray(states_of(runs["masked"].params, ids, np.array([ids.size])).values)[
    0, :-1
]  # [words, C]: EOS is no word


def probability(params, states, mask):
    score = params["attention"]["score"]
    bias = params["query"][0] @ score["w"]  # b of the equations: W q
    scores = (np.tanh(bias + states @ score["u"]) @ score["v"])[:, 0]
    weights = np.exp(scores - scores[mask].max()) * mask  # exactly zero at padding
    weights /= weights.sum()
    logit = (weights @ states @ params["output"] + params["output_bias"])[0]
    return 1 / (1 + np.exp(-logit)), weights


everything = np.ones(len(states), bool)
by_hand, weights = probability(params, states, everything)
answer = runs["masked"].classify(example.words)
print("by hand", by_hand.round(4), "attnlab", answer.probabilities[corpus.classes[1]])
assert np.isclose(by_hand, answer.probabilities[corpus.classes[1]], atol=1e-3)
assert np.allclose(weights, answer.weights, atol=1e-3)

# %% [markdown]
# ## What goes wrong without a mask
#
# Add padding to this sentence, states of zeros. With a mask nothing changes, whatever
# the length. Without one, each pad has the score $u_w^\top \tanh(b)$, takes its share
# of the weights, and adds nothing to $v$: **the pooled vector shrinks**, and the answer
# drifts to what the bias $c$ says, whichever words the sentence has.

# %%
counts = np.arange(0, 400, 20)
probabilities = {"masked": [], "not masked": []}
lost = []
for count in counts:
    padded = np.concatenate([states, np.zeros((count, states.shape[1]))])
    real = np.arange(len(padded)) < len(states)
    probabilities["masked"].append(probability(params, padded, real)[0])
    answer, weights = probability(params, padded, np.ones(len(padded), bool))
    probabilities["not masked"].append(answer)
    lost.append(weights[len(states) :].sum())

figure, panels = plt.subplots(1, 2, figsize=(9, 2.8))
for name, curve in probabilities.items():
    panels[0].plot(counts, curve, label=name)
panels[0].set(xlabel="pads", ylabel=f"p({corpus.classes[1]})", ylim=(-0.02, 1.02))
panels[0].legend()
panels[1].plot(counts, lost, color="tab:red")
panels[1].set(xlabel="pads", ylabel="weight on padding", ylim=(-0.02, 1.02))
figure.tight_layout()

# %% [markdown]
# A model that was *trained* without a mask learns to live with a fixed amount of
# padding, but its answers depend on it. Here is the share of its weights that real
# words get, by the length of the sentence:

# %%
lengths = np.array([len(example.words) for example in corpus.test])
figure, axes = plt.subplots(figsize=(6, 2.6))
for name, given in answers.items():
    shares = np.array([answer.weights.sum() for answer in given])
    axes.scatter(lengths, shares, s=8, label=name)
axes.set(xlabel="words of the sentence", ylabel="weight on words", ylim=(0, 1.05))
axes.legend()
figure.tight_layout()

# %% [markdown]
# ## A heat map over words
#
# Redder words have more weight; the words that decide are underlined.

# %%
chosen = [place for place, e in enumerate(corpus.test) if len(e.evidence) == 2][:3]
shaded(
    [
        ShadedText(
            f"{name}, {corpus.classes[corpus.test[place].label]}",
            corpus.test[place].words,
            answers[name][place].weights,
            corpus.test[place].evidence,
            note=answers[name][place].verdict,
        )
        for place in chosen
        for name in runs
    ]
)

# %% [markdown]
# Does the heaviest word decide? In this corpus that can be counted. A state has read
# its neighbors, too, so that a weight beside the cue may mean the cue.

# %%
for name, given in answers.items():
    hits, near = [], []
    for answer, example in zip(given, corpus.test, strict=True):
        top = int(answer.weights.argmax())
        hits.append(top in example.evidence)
        near.append(any(abs(top - place) <= 1 for place in example.evidence))
    share, beside = np.mean(hits), np.mean(near)
    print(
        f"{name:10} heaviest word decides: {share:.0%}, or is beside it: {beside:.0%}"
    )

# %% [markdown]
# ## Exercises
#
# **1.** A mask can be put *before* the softmax (scores of padding to $-\infty$) or
# *after* it (weights of padding to zero, then divide by the sum). When do the two
# differ?
#
# <details><summary>Answer</summary>
#
# In exact arithmetic never. In floating point they do when a pad has by far the largest
# score: after subtracting it all real words underflow to zero, and the sum is 0.
# `probability` subtracts the largest score *of real words*, for that reason.
# </details>
#
# **2.** What are the weights of a sentence without any word, and what should they be?
#
# <details><summary>Answer</summary>
#
# $0 / 0$: not a number, in the forward pass and in every gradient, even where the loss
# does not use the row. In attnlab the weights of such a row are all zero, and what is
# read is zero; the normalizers see to it (`attnlab/attention/normalizers.py`).
# </details>
#
# **3.** Delete the heaviest word of a sentence and classify it again: its place is
# `answers["masked"][n].weights.argmax()`. Does the class change more often than if you
# delete a random word?
#
# <details><summary>Answer</summary>
#
# Yes: in 72 % of the sentences against 11 %, as it is often the cue. But try also to
# *keep* the words and shuffle the weights by hand in `probability`: the class sometimes
# stays. A weight says where the model looked, not what it took from there; Jain and
# Wallace discuss this at length.
# </details>
