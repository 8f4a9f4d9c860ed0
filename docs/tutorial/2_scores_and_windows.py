# %% [markdown]
# # 2. Scores and windows
#
# ## Goals
#
# - Write down the scores of Luong, Pham and Manning, and get the library's numbers.
# - Know the three windows: global, local-m ("monotonic") and local-p ("predictive").
# - Read alignment pictures, and the alignment error rate (AER).
# - Find a word order that local-m cannot follow.
#
# The paper: [Effective approaches to attention-based neural machine
# translation](https://arxiv.org/abs/1508.04025) (2015).

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
from attnlab.attention import Dims
from attnlab.compilation import jit
from attnlab.tasks import make_task, parse_settings, spec

plt.rcParams["figure.dpi"] = 70

# %% [markdown]
# ## Scores
#
# In Luong's decoder the state comes first and attention after it: $h_t$ asks, the
# **query**, and the source states $\bar h_s$ are what is looked at, the **values**.
# Equation 8 has three ways to match the two, and equation 7 one that looks at no word
# at all ("location"):
#
# $$\mathrm{score}(h_t, \bar h_s) = \begin{cases}
#   h_t^\top \bar h_s & \text{dot} \\
#   h_t^\top W_a \bar h_s & \text{general} \\
#   v_a^\top \tanh(W_a [h_t; \bar h_s]) & \text{concat}
# \end{cases} \qquad a_t = \mathrm{softmax}(W_a h_t) \quad \text{location}$$
#
# In NumPy each is a line. `params` are what the library starts from.

# %%
rng = np.random.default_rng(0)
S, WIDTH, HIDDEN = 6, 8, 5
query = rng.normal(size=WIDTH).astype(np.float32)  # h_t
values = rng.normal(size=(S, WIDTH)).astype(np.float32)  # one row a source word
by_hand = {
    "dot": lambda p: values @ query,
    "general": lambda p: values @ p["w"] @ query,
    "concat": lambda p: (
        np.tanh(np.concatenate([np.tile(query, (S, 1)), values], axis=1) @ p["w"])
        @ p["v"]
    )[:, 0],
    "location": lambda p: p["w"][:S] @ query,
}


def softmax(scores):
    exponents = np.exp(scores - scores.max())
    return exponents / exponents.sum()


def look(attention, params, step=0):
    """The library's weights over the sentence, in one compiled call."""

    def read(query, values):
        memory = attention.prepare(params, values, np.ones(S, bool), S)
        carry = attention.start(memory)
        return attention.apply(params, query, memory, step=step, carry=carry)

    return jit(read, runs="once")(query, values)


dims = Dims(query=WIDTH, value=WIDTH, hidden=HIDDEN)
for name, score in by_hand.items():
    attention = attnlab.attention(score=name)
    init = jit(attention.init, runs="once", static_argnums=1)
    params = init(jax.random.key(0), dims)
    learned = jax.tree.map(np.asarray, params["score"])
    weights = softmax(score(learned))
    assert np.allclose(look(attention, params).weights, weights, atol=1e-5)
    numbers = sum(array.size for array in learned.values())
    print(f"{name:9} {numbers:4} parameters, weights {weights.round(2)}")

# %% [markdown]
# `dot` learns nothing of its own: query and values have to meet in one space. `general`
# turns one into the other's. `concat` is the family of Bahdanau's `additive`.
# `location` does not care which words the sentence has.
#
# ## Windows
#
# Section 3.2: look at $2D + 1$ words around a place $p_t$ instead of at all of them.
#
# - **local-m** assumes that both languages have one order: $p_t = t$.
# - **local-p** predicts the place, and prefers words near it by a Gaussian (equations 9
#   and 10), where $S$ is the number of source words and $\sigma = D / 2$:
#
# $$p_t = S \cdot \mathrm{sigmoid}(v_p^\top \tanh(W_p h_t)) \qquad
#   a_t(s) = \mathrm{align}(h_t, \bar h_s)
#   \exp\Big(-\frac{(s - p_t)^2}{2 \sigma^2}\Big)$$
#
# In attnlab $D$ is `half_width` and $p_t$ is the `centre`.

# %%
S, D = 20, 4
values = rng.normal(size=(S, WIDTH)).astype(np.float32)
figure, panels = plt.subplots(1, 3, figsize=(10, 2.4), sharey=True)
for axes, window in zip(panels, ("global", "local-m", "local-p"), strict=True):
    options = {} if window == "global" else {"half_width": D}
    attention = attnlab.attention(score="dot", window=window, **options)
    params = jit(attention.init, runs="once", static_argnums=1)(jax.random.key(3), dims)
    output = look(attention, params, step=6)
    weights = np.zeros(S)
    inside = (output.positions >= 0) & (output.positions < S)
    weights[output.positions[inside]] = output.weights[inside]
    axes.bar(range(S), weights, color="tab:blue")
    if window != "global":
        axes.axvline(output.aux["centre"], color="tab:red", label="centre $p_t$")
    if window == "local-p":
        near = np.linspace(0, S - 1, 200)
        prior = np.exp(-2 * ((near - output.aux["centre"]) / D) ** 2)
        axes.plot(near, prior, color="tab:orange", label="Gaussian")
        w, v = (np.asarray(params["window"][name]) for name in "wv")
        by_hand_centre = S / (1 + np.exp(-np.tanh(query @ w) @ v))[0]
        assert np.isclose(by_hand_centre, output.aux["centre"], rtol=1e-4)
    axes.set(title=f"{window}, sum {weights.sum():.2f}", xlabel="source word")
    if window != "global":
        axes.legend(fontsize=8)
panels[0].set_ylabel("weight")
figure.tight_layout()

# %% [markdown]
# The scores are the same in all three. Local windows leave words out *before* the
# softmax. The Gaussian is put on *after* it, and nothing is normalized again, so that
# the weights of local-p sum to less than one: the paper means it so, and its released
# code does it.
#
# ## A corpus of two word orders
#
# Half of the sentences end in `;`, and their translation goes word by word. The others
# end in `:` and are translated from back to front.

# %%
base = {
    "task": "translation",
    "data": {
        "edges": [12],
        "synthetic": {
            "train": 4000,
            "dev": 40,
            "test": 120,
            "words": 40,
            "lengths": [5, 10],
            "reordering": {"monotone": 0.5, "reversal": 0.5},
            "one_to_many": 0.0,
            "many_to_one": 0.0,
            "null_source": 0.0,
            "null_target": 0.0,
            "ambiguity": 0.0,
        },
    },
    "model": {
        "decoder": "luong",
        "cell": "gru",
        "encoder": "uni",  # as in the paper: a state knows what came before it
        "score": "general",
        "embedding": 32,
        "hidden": 48,
        "attention_hidden": 32,
        "readouts": 48,
        "input_feeding": False,
        "half_width": 2,
    },
    "train": {"batch_size": 32},
    "evaluate": {"edges": [12]},
}
settings = parse_settings(base)
gold = settings.data.load().gold["test"]
for pair in gold[:2]:
    print(" ".join(pair.source), " ->", " ".join(pair.target))


# %%
def train(settings, steps, learning_rate=8e-3):
    """A trained run, as in notebook 1."""
    folder = Path(tempfile.mkdtemp())
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

    update, state = jit(update, runs="seldom"), tx.init(params)
    for step in range(steps):
        rng = jax.random.fold_in(jax.random.key(1), step)
        params, state, _ = update(params, state, task.batches.at(step), rng)
    return spec(settings.task).loader(settings, folder).make(folder, steps, params)


runs = {}
for window in ("global", "local-m", "local-p"):
    model = settings.model.model_copy(update={"window": window})
    runs[window] = train(settings.model_copy(update={"model": model}), 400)

# %% [markdown]
# ## Where local-m breaks
#
# The **alignment error rate** compares links with gold links: 0 is perfect, 1 has
# nothing right. With the links $A$ that a model has (the heaviest word of each row),
# sure gold links $S$ and possible ones $P$,
#
# $$\mathrm{AER} = 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}.$$
#
# Perplexity is the exponential of the mean loss a word: 1 is certainty.


# %%
def turned(links):
    return {(s, t) for t, s in links}  # metrics count (source, target)


def judge(run, pairs):
    nats, units = run.translator.losses(run.params, pairs)
    aligned = run.translator.align(run.params, pairs)
    links = [{(int(s), t) for t, s in enumerate(w.argmax(1))} for w in aligned]
    sure = [turned(pair.sure) for pair in pairs]
    possible = [turned(pair.possible) for pair in pairs]
    aer = attnlab.metrics.aer(links, sure, possible)
    return np.exp(nats.sum() / units.sum()), aer


orders = {"monotone": ";", "reversal": ":"}
scores = {}
for order, sign in orders.items():
    pairs = [pair for pair in gold if pair.source[-1] == sign]
    for window, run in runs.items():
        scores[order, window] = judge(run, pairs)
        perplexity, aer = scores[order, window]
        print(f"{order:9} {window:8} perplexity {perplexity:6.2f}  AER {aer:.2f}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 2.6))
for axes, number, name in zip(panels, (0, 1), ("perplexity", "AER"), strict=True):
    for place, order in enumerate(orders):
        heights = [scores[order, window][number] for window in runs]
        axes.bar(np.arange(3) + 0.38 * place, heights, 0.36, label=order)
    axes.set_xticks(np.arange(3) + 0.19, list(runs))
    axes.set_title(name)
panels[0].legend()
figure.tight_layout()

# %% [markdown]
# Where the order is the same, the window of local-m is where it has to be. Where it is
# turned round, the word that is due lies within $D = 2$ of the place $t$ only in the
# middle of a sentence. local-p has learned from the mark, which its state knows, to
# walk the other way.
#
# ## Figure 7, rebuilt
#
# The paper's Figure 7 has the alignments of one sentence by its models, and those that
# people made. A sentence of each order; white is weight 1.


# %%
def figure7(pair):
    figure, panels = plt.subplots(1, 4, figsize=(11, 2.9))
    for axes, (window, run) in zip(panels, runs.items(), strict=False):
        weights = run.translator.align(run.params, [pair])[0]
        attnlab.plot_alignment(weights, pair.source, pair.target, ax=axes, title=window)
    links = np.zeros((len(pair.target), len(pair.source)))
    for t, s in pair.sure:
        links[t, s] = 1
    attnlab.plot_alignment(links, pair.source, pair.target, ax=panels[3], title="gold")
    figure.tight_layout()


for sign in orders.values():
    figure7(next(p for p in gold if p.source[-1] == sign and len(p.source) == 9))

# %% [markdown]
# ## Exercises
#
# **1.** How large must $D$ be for local-m to be the same as global, in a sentence of
# $S$ words? Check it with `look`.
#
# <details><summary>Answer</summary>
#
# $D \ge S - 1$: then the window around the first word reaches the last one. For all
# steps
# $D = S - 1$ is enough; `look(attnlab.attention("dot", "local-m", half_width=S - 1),
# params)` has the weights of the global window at every `step`.
# </details>
#
# **2.** local-p has no term in its loss for the place $p_t$. How does it learn to
# predict it, and what would happen without the Gaussian?
#
# <details><summary>Answer</summary>
#
# The Gaussian is a smooth function of $p_t$ and multiplies the weights, so the gradient
# of the translation loss reaches $W_p$ and $v_p$ through it. The window itself is cut
# around
# $\lfloor p_t \rfloor$, which has no gradient. Without the Gaussian nothing would ever
# move
# $p_t$.
# </details>
#
# **3.** Give the model a bidirectional encoder (`"encoder": "bi"`, `"encoder_hidden":
# 24`). What becomes of the perplexity of local-m on the reversed sentences, and what of
# its AER?
#
# <details><summary>Answer</summary>
#
# The perplexity can fall: a state that has read the sentence from its end can carry
# words from outside the window into it. The AER stays bad, as a window that does not
# contain the right word cannot point to it. A good translation is no proof of a good
# alignment.
# </details>
