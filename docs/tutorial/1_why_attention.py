# %% [markdown]
# # 1. Why attention?
#
# ## Goals
#
# - See where a translator with one fixed vector forgets: long sentences.
# - Know the three parts of Bahdanau, Cho and Bengio's model: the encoder, the alignment
#   model and the decoder.
# - Compute one translation by hand, in NumPy, and get the numbers of the library.
#
# The paper: [Neural machine translation by jointly learning to align and
# translate](https://arxiv.org/abs/1409.0473) (2014); before it
# [Cho et al. 2014](https://arxiv.org/abs/1406.1078) and
# [Sutskever et al. 2014](https://arxiv.org/abs/1409.3215). Words that you do not know
# are in the [glossary](../glossary.md).

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

import attnlab
from attnlab.compilation import jit
from attnlab.tasks import make_task, parse_settings, spec

plt.rcParams["figure.dpi"] = 70

# %% [markdown]
# ## A language pair that is always at hand
#
# attnlab has a small artificial language pair. A source word is a stem (`bal`), its
# translation the stem with an ending (`balo`), so that you see at a glance which words
# belong together. The mark at the end says in which order the translation comes. As a
# grammar made the sentences, every **link** between the words of the two sides is
# known.

# %%
settings = parse_settings(
    {
        "task": "translation",
        "data": {
            "edges": [14],  # sentences are padded to 14 words: one program to compile
            "synthetic": {
                "train": 4000,
                "dev": 40,
                "test": 240,
                "words": 40,
                "lengths": [3, 12],
                "test_lengths": [3, 22],  # longer than anything in training
                "reordering": "swaps",
                "one_to_many": 0.0,
                "null_target": 0.0,
            },
        },
        "model": {
            "decoder": "bahdanau",
            "cell": "cho-gru",
            "score": "additive",
            "embedding": 32,
            "hidden": 48,
            "encoder_hidden": 32,
            "attention_hidden": 32,
            "readouts": 32,
            "input_feeding": False,  # the context is an input of the cell already
            "eos_in_memory": True,  # the decoder may look at the end of the sentence
        },
        "train": {"batch_size": 24},
        "evaluate": {"edges": [24]},
    }
)
corpus = settings.data.load()
for pair in corpus.train[:3]:
    print(" ".join(pair.source), " ->", " ".join(pair.target))

# %% [markdown]
# ## Training, in twenty lines
#
# `make_task` builds a model, its batches and its loss from the settings; the rest is
# ordinary JAX. What comes back is what `attnlab.load` gives for a run on disk: a
# trained translator that can be asked. (Sweeps, checkpoints and reports are
# [experiments](../sweeps.md); a lesson does without.)


# %%
def train(settings, steps, learning_rate=6e-3):
    folder = Path(tempfile.mkdtemp())  # for the vocabularies
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

    update = jit(update, runs="seldom")  # jax.jit, with less time spent on compiling
    state, losses = tx.init(params), []
    for step in range(steps):
        rng = jax.random.fold_in(jax.random.key(1), step)
        params, state, loss = update(params, state, task.batches.at(step), rng)
        losses.append(loss)
    run = spec(settings.task).loader(settings, folder).make(folder, steps, params)
    return run, np.array(losses)


def with_score(score):
    return settings.model_copy(
        update={"model": settings.model.model_copy(update={"score": score})}
    )


# %% [markdown]
# `score="none"` is the encoder-decoder of Cho et al. 2014: the decoder sees one **fixed
# context**, where the encoder ended, at every step. `score="additive"` is Bahdanau et
# al.'s model. All else is equal: cells, widths, data, updates.

# %%
fixed, fixed_losses = train(with_score("none"), 400)
attending, attending_losses = train(with_score("additive"), 400)
print("last losses, nats a word:", fixed_losses[-20:].mean().round(2), "fixed,")
print(attending_losses[-20:].mean().round(2), "with attention")

# %% [markdown]
# ## It forgets long sentences
#
# Figure 2 of the paper has BLEU by sentence length. Here it is for our two models. From
# 13 words on, to the right of the line, sentences are longer than any in training.

# %%
EDGES = [3, 6, 9, 13, 17, 23]
bins = list(zip(EDGES, EDGES[1:], strict=False))


def bleu_by_length(run):
    translated = run.translate([" ".join(pair.source) for pair in corpus.test])
    scores = []
    for low, high in bins:
        chosen = [n for n, p in enumerate(corpus.test) if low <= len(p.source) < high]
        ours = [str(translated[n]) for n in chosen]
        right = [" ".join(corpus.test[n].target) for n in chosen]
        scores.append(attnlab.metrics.bleu(ours, right).score)
    return scores


figure, axes = plt.subplots(figsize=(6, 3.2))
names = [f"{low}-{high - 1}" for low, high in bins]
by_length = {
    "attention": bleu_by_length(attending),
    "fixed context": bleu_by_length(fixed),
}
for name, scores in by_length.items():
    axes.plot(names, scores, marker="o", label=name)
axes.axvline(2.5, color="gray", linestyle=":")
axes.set(xlabel="words of the source", ylabel="BLEU", ylim=(0, 105))
axes.legend()
figure.tight_layout()

# %% [markdown]
# A vector of 64 numbers holds a short sentence at least roughly (nearly 70 BLEU). A
# longer one has to be squeezed into the same 64 numbers. Attention keeps **one vector a
# word** and looks the right one up.

# %% [markdown]
# ## By hand: one sentence through the model
#
# We take the trained parameters, and no code of the library. Bold letters of the paper
# become arrays; rows are words. First the sentence as numbers: every word has a row of
# an embedding matrix, and the end mark EOS is a word too.

# %%
pair = next(pair for pair in corpus.test if len(pair.source) == 8)
params = jax.tree.map(np.asarray, attending.params["params"])
translator = attending.translator
EOS, BOS = 2, 1
source = [*translator.source.encode(pair.source).ids, EOS]
target = [*translator.target.encode(pair.target).ids, EOS]
print(" ".join(pair.source), " ->", " ".join(pair.target))
print(source)

# %% [markdown]
# ### The gated unit
#
# Appendix A.1.1: an update gate $z$ and a reset gate $r$ decide how much of the state
# $s_{i-1}$ stays when the input $x_i$ comes ($\circ$ is the product of the elements):
#
# $$\begin{aligned}
# r_i &= \sigma(W_r x_i + U_r s_{i-1}) \qquad z_i = \sigma(W_z x_i + U_z s_{i-1}) \\
# \tilde s_i &= \tanh(W x_i + U\,[r_i \circ s_{i-1}]) \\
# s_i &= (1 - z_i) \circ s_{i-1} + z_i \circ \tilde s_i
# \end{aligned}$$
#
# attnlab keeps $W_r, W_z, W$ side by side in `input`, $U_r, U_z$ in `gates`, $U$ in
# `candidate`, and has a bias, which the paper leaves out of its equations.


# %%
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gated_unit(cell, state, inputs):
    width = len(state)
    projected = inputs @ cell["input"] + cell["bias"]  # [3 H]: r, z, candidate
    gates = sigmoid(projected[: 2 * width] + state @ cell["gates"])
    reset, update = gates[:width], gates[width:]
    candidate = np.tanh(projected[2 * width :] + (reset * state) @ cell["candidate"])
    return (1 - update) * state + update * candidate


# %% [markdown]
# ### The encoder reads in both directions
#
# Section 3.2: the **annotation** of word $j$ joins a state that has read everything up
# to the word with one that has read everything from its end back to it,
#
# $$h_j = [\overrightarrow{h_j};\ \overleftarrow{h_j}].$$


# %%
def encode(ids):
    embedded = params["source_embedding"][ids]  # [S, E]
    encoder = params["encoder"]
    width = encoder["layer0_forward"]["candidate"].shape[0]
    forward, backward = [np.zeros(width)], [np.zeros(width)]
    for word in embedded:
        forward.append(gated_unit(encoder["layer0_forward"], forward[-1], word))
    for word in embedded[::-1]:
        backward.append(gated_unit(encoder["layer0_backward"], backward[-1], word))
    return np.concatenate([forward[1:], backward[:0:-1]], axis=1)  # [S, 2 H]


annotations = encode(source)
print(annotations.shape)

# %% [markdown]
# ### The alignment model
#
# Before it says word $i$, the decoder asks with its state $s_{i-1}$ (the **query**) how
# well each annotation matches. Appendix A.1.2 and equations 5 and 6:
#
# $$e_{ij} = v^\top \tanh(W s_{i-1} + U h_j) \qquad
#   \alpha_{ij} = \frac{\exp(e_{ij})}{\sum_k \exp(e_{ik})} \qquad
#   c_i = \sum_j \alpha_{ij} h_j$$
#
# The $e_{ij}$ are **scores**, softmax is the **normalizer**, the $\alpha_{ij}$ are
# **weights** and $c_i$ is the **context**.


# %%
def attend(state, annotations):
    score = params["decoder"]["attention"]["score"]
    hidden = np.tanh(state @ score["w"] + annotations @ score["u"])  # [S, H]
    scores = (hidden @ score["v"])[:, 0]  # [S]
    weights = np.exp(scores - scores.max())  # minus the largest: nothing overflows
    weights /= weights.sum()
    return weights @ annotations, weights


# %% [markdown]
# ### The decoder
#
# Appendix A.2.2: the first state comes from the first *backward* annotation, which has
# read the whole sentence. The context enters the cell beside the previous word, and the
# vocabulary sees the larger one of each two units ("maxout"):
#
# $$s_0 = \tanh(W_s \overleftarrow{h_1}) \qquad
#   s_i = \mathrm{GRU}(s_{i-1},\ [E y_{i-1};\ c_i])$$
#
# $$\tilde t_i = U_o s_{i-1} + V_o E y_{i-1} + C_o c_i \qquad
#   t_{i,k} = \max(\tilde t_{i,2k-1}, \tilde t_{i,2k}) \qquad
#   p(y_i \mid s_i, y_{i-1}, c_i) \propto \exp(y_i^\top W_o t_i)$$


# %%
def decode(target, annotations):
    decoder = params["decoder"]
    width = annotations.shape[1] // 2
    state = np.tanh(annotations[0, width:] @ decoder["start"] + decoder["start_bias"])
    log_probs, alignment = [], []
    for previous, word in zip([BOS, *target], target, strict=False):
        context, weights = attend(state, annotations)
        embedded = params["target_embedding"][previous]
        units = (
            state @ decoder["readout_state"]
            + embedded @ decoder["readout_word"]
            + context @ decoder["readout_context"]
            + decoder["readout_bias"]
        )
        largest = units.reshape(-1, 2).max(axis=1)  # maxout
        logits = largest @ params["vocabulary"] + params["vocabulary_bias"]
        log_probs.append(logits[word] - np.logaddexp.reduce(logits))
        alignment.append(weights)
        state = gated_unit(decoder["cell"], state, np.append(embedded, context))
    return np.array(log_probs), np.array(alignment)


log_probs, alignment = decode(target, annotations)
print("log p of each word:", log_probs.round(3))

# %% [markdown]
# ### The same numbers from attnlab
#
# The library gives the loss of a whole sentence, in nats, and the weights between its
# words (without the rows and columns of EOS).

# %%
nats, _ = translator.losses(attending.params, [pair])
weights = attending.align(" ".join(pair.source), " ".join(pair.target)).alignment
print("by hand", -log_probs.sum(), "attnlab", nats[0])
assert np.isclose(-log_probs.sum(), nats[0], rtol=1e-3)
assert np.allclose(alignment[:-1, :-1], weights, atol=1e-4)

# %% [markdown]
# An attention alone, without any model around it, is a record of functions on one
# example: `prepare` the sentence once, then `apply` it to every query.

# %%
attend_with = attnlab.attention(score="additive")
its_params = {"score": params["decoder"]["attention"]["score"], "window": {}}


@jax.jit
def read(query, values):
    mask = np.ones(len(source), bool)  # what may be attended to: no padding here
    memory = attend_with.prepare(its_params, values, mask, len(source))
    carry = attend_with.start(memory)
    return attend_with.apply(its_params, query, memory, step=0, carry=carry)


query = np.zeros(48, np.float32)  # any state will do
output = read(query, annotations.astype(np.float32))
assert np.allclose(output.weights, attend(query, annotations)[1], atol=1e-5)
print(attend_with, "reads", output.context.shape, "at", output.weights.shape)

# %% [markdown]
# ## The alignment as a picture
#
# White is weight 1, as in the paper's Figure 3; squares are the links of the grammar.
# Nobody told the model about links. They came from learning to translate.

# %%
gold = next(gold for gold in corpus.gold["test"] if gold.source == pair.source)
attnlab.plot_alignment(
    alignment[:-1, :-1],
    pair.source,
    pair.target,
    sure=[(s, t) for t, s in gold.sure],
    title="by hand",
)

# %% [markdown]
# ## Exercises
#
# **1.** Why does the decoder ask with $s_{i-1}$ and not with $s_i$?
#
# <details><summary>Answer</summary>
#
# The context $c_i$ is an input of the cell that makes $s_i$, so $s_i$ does not exist
# yet. [Luong et al. 2015](https://arxiv.org/abs/1508.04025) turn it round: they make
# the state first, ask with it, and use the context only afterwards. That is notebook 2.
# </details>
#
# **2.** Multiply `scores` in `attend` by 0.1, and then by 10. What happens to the
# weights and to the loss, and why does the second change so little?
#
# <details><summary>Answer</summary>
#
# By 0.1 the weights become nearly uniform, the context a mean of all annotations, and
# the loss gets large. By 10 they become nearly one-hot: only the most probable word is
# read. Most of the trained weights were sharp already, so little changes; for this
# sentence the loss even falls. Notebook 3 takes it to its end.
# </details>
#
# **3.** Replace `annotations[0, width:]` by the last *forward* annotation,
# `annotations[-1, :width]`. Both have read the whole sentence. Why does the loss
# change?
#
# <details><summary>Answer</summary>
#
# The matrix $W_s$ was learned for backward states; the forward ones mean something
# else. After training with the other choice it would work about as well. Reproductions
# often differ in such a detail, and then trained parameters do not fit.
# </details>
