# %% [markdown]
# # 3. Hard attention
#
# ## Goals
#
# - Tell soft attention, which reads a mixture, from hard attention, which reads one
#   word.
# - Derive REINFORCE, measure its variance, and lower it by baselines.
# - Replace the sampling by a sum: the exact marginal, and the posterior that comes with
#   it.
# - Let a position depend on the one before: a hidden Markov model.
#
# The papers: [Show, attend and tell](https://arxiv.org/abs/1502.03044) (Xu et al.
# 2015), section 4; [Latent alignment and variational
# attention](https://arxiv.org/abs/1807.03756) (Deng et al. 2018); [Hard non-monotonic
# attention](https://arxiv.org/abs/1808.10024) (Wu et al. 2018), and [Vogel et al.
# 1996](https://aclanthology.org/C96-2141) for the chain.

# %%
import sys

if "google.colab" in sys.modules:  # a checkout of attnlab lies in /content/attnlab
    from IPython import get_ipython

    get_ipython().run_line_magic("pip", "install --quiet /content/attnlab")

# %%
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import attnlab
from attnlab.compilation import jit
from attnlab.estimators import Steps, chain, expected_likelihood, marginal, reinforce
from attnlab.tasks import make_task, parse_settings, spec

plt.rcParams["figure.dpi"] = 70

# %% [markdown]
# ## Three things to maximize
#
# A step has weights $p(a)$ over the positions $a$ of the source, and the model says
# $p(y \mid a)$ of the next word $y$ when it has read position $a$. Attention may mean
#
# $$\begin{aligned}
# \text{soft:}\quad & \log p\big(y \mid \textstyle\sum_a p(a)\, h_a\big) && \text{read
# the mean} \\
# \text{hard:}\quad & \textstyle\sum_a p(a) \log p(y \mid a) && \text{read a sample, on
# average} \\
# \text{marginal:}\quad & \log \textstyle\sum_a p(a)\, p(y \mid a) && \text{the
# probability of } y
# \end{aligned}$$
#
# The logarithm of a mean is at least the mean of the logarithms (Jensen), so *hard* is
# a lower bound of *marginal*. Let us make 200 steps with four positions each, of which
# one is right, and compute both.

# %%
rng = np.random.default_rng(1)
T, W = 200, 4
scores = rng.normal(size=(T, W))
weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)  # p(a)
right = rng.integers(W, size=T)
difficulty = rng.exponential(2.0, size=(T, 1))  # some words are hard wherever one looks
log_probs = -difficulty - 2.0 * (np.arange(W) != right[:, None])  # log p(y | a)

hard = (weights * log_probs).sum(axis=1)
exact = np.log((weights * np.exp(log_probs)).sum(axis=1))
print("mean of hard", hard.mean().round(3), "of marginal", exact.mean().round(3))
assert (hard <= exact + 1e-9).all()

# %% [markdown]
# attnlab's learning rules see a model's target steps as a record, `Steps`: the weights,
# and what the model would say if it read something else.


# %%
def steps_of(scores):
    probabilities = jax.nn.softmax(scores)
    table = jnp.array(log_probs, jnp.float32)
    return Steps(
        probabilities,
        lambda slots: jnp.take_along_axis(table, slots[:, None], axis=1)[:, 0],
        lambda reads: jnp.log((reads * jnp.exp(table)).sum(axis=-1)),
        log_probs=table,
    )


scores = jnp.array(scores, jnp.float32)
steps = steps_of(scores)
assert np.allclose(expected_likelihood(steps, steps.probabilities), hard, atol=1e-4)
assert np.allclose(marginal(steps), exact, atol=1e-4)

# %% [markdown]
# ## REINFORCE
#
# The gradient of *hard* with respect to the scores is a sum over all positions. For a
# long source, or when the next state depends on what was read, nobody can afford the
# sum. So draw one position $\tilde a$ and use $\nabla p = p\, \nabla \log p$:
#
# $$\nabla \sum_a p(a)\, r(a) = \sum_a p(a)\, r(a)\, \nabla \log p(a)
#   \approx \big(r(\tilde a) - b\big)\, \nabla \log p(\tilde a), \qquad
#   r(a) = \log p(y \mid a).$$
#
# The **baseline** $b$ may be anything that does not depend on $\tilde a$: as
# $\sum_a p(a) \nabla \log p(a) = \nabla 1 = 0$, it changes no mean, only the variance.
# Xu et al. take a moving average of past rewards, Deng et al. the reward of the soft
# read, and self-critical training the reward of the likeliest position.
#
# The gradient of $\log \mathrm{softmax}$ is one-hot minus weights, so by hand:

# %%
exact_gradient = weights * (log_probs - hard[:, None])  # d hard / d scores
baselines = {
    "none": np.zeros(T),
    "moving average": np.full(T, hard.mean()),
    "soft": exact,  # the toy's p(y | mean) is the mean of p(y | a)
    "self-critical": log_probs[np.arange(T), weights.argmax(axis=1)],
}
K = 4000
samples = (weights.cumsum(axis=1)[None] < rng.random((K, T, 1))).sum(axis=2)  # [K, T]
samples = np.minimum(samples, W - 1)
rewards = log_probs[np.arange(T), samples]
grad_log = np.eye(W)[samples] - weights  # [K, T, W]
variances = {}
for name, baseline in baselines.items():
    gradients = (rewards - baseline)[..., None] * grad_log
    off = np.linalg.norm(gradients.mean(axis=0) - exact_gradient)
    variances[name] = gradients.var(axis=0).sum() / (exact_gradient**2).sum()
    off /= np.linalg.norm(exact_gradient)
    print(f"{name:15} variance {variances[name]:6.2f}, mean is off by {off:.3f}")

# %% [markdown]
# All four agree in the mean. The variance, relative to the squared length of the
# gradient, is what differs. A constant helps; a baseline that knows the *step* (how
# hard this word is wherever one looks) helps most. More samples help too, but slowly:
# as $1/K$.

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 2.8))
panels[0].bar(list(variances), list(variances.values()), color="tab:blue")
panels[0].set(title="variance of one sample")
panels[0].tick_params(axis="x", labelsize=8)
counts = [1, 2, 4, 8, 16]
for name in ("none", "soft"):
    gradients = (rewards - baselines[name])[..., None] * grad_log
    measured = [
        gradients.reshape(K // k, k, T, W).mean(axis=1).var(axis=0).sum()
        / (exact_gradient**2).sum()
        for k in counts
    ]
    panels[1].loglog(counts, measured, marker="o", label=name)
panels[1].set(title="variance of the mean of K", xlabel="K samples")
panels[1].legend()
figure.tight_layout()

# %% [markdown]
# The library's `reinforce` has axes $[B, T, K]$, and is a number whose *gradient* is
# the estimator. Averaged over many samples it has to meet the sum over all positions:


# %%
def sampled(scores, slots):  # slots: [K, T]
    log_p = jnp.take_along_axis(jax.nn.log_softmax(scores)[None], slots[..., None], -1)
    reward = jnp.take_along_axis(steps.log_probs[None], slots[..., None], -1)
    axes = (2, 1, 0)  # [K, T, 1] -> [1, T, K]
    of_step = jnp.array(baselines["soft"], jnp.float32)[None, :, None]
    return reinforce(log_p.transpose(axes), reward.transpose(axes), of_step).sum()


ours = jit(jax.grad(sampled), runs="once")(scores, jnp.array(samples))
print("off by", np.linalg.norm(ours - exact_gradient) / np.linalg.norm(exact_gradient))
gradients = (rewards - baselines["soft"])[..., None] * grad_log
assert np.allclose(ours, gradients.mean(axis=0), atol=1e-3)

# %% [markdown]
# ## Learning with it
#
# The same small translator, three times: soft, hard by REINFORCE with one sample and
# the soft baseline, hard by the exact marginal. `readout="additive"` makes the words of
# all positions one matrix product, so that the exact sum is cheap.

# %%
base = {
    "task": "translation",
    "data": {
        "edges": [10],
        "synthetic": {
            "train": 4000,
            "dev": 40,
            "test": 100,
            "words": 40,
            "lengths": [4, 8],
            "reordering": "swaps",
            "one_to_many": 0.0,
            "null_target": 0.0,
        },
    },
    "model": {
        "cell": "gru",
        "score": "general",
        "embedding": 32,
        "hidden": 40,
        "encoder_hidden": 20,
        "readouts": 40,
        "readout": "additive",
        "input_feeding": False,
    },
    "train": {"batch_size": 32},
    "evaluate": {"edges": [10]},
}
rules = {
    "soft": ("soft", {"learning": "cross-entropy"}),
    "REINFORCE": ("hard", {"learning": "reinforce", "baseline": "soft", "samples": 1}),
    "exact marginal": ("hard", {"learning": "marginal"}),
}


def train(settings, steps, learning_rate=8e-3):
    """A trained run and its losses, as in notebook 1."""
    folder = Path(tempfile.mkdtemp())
    task = make_task(settings, folder)
    params = jit(task.init, runs="once")(jax.random.key(settings.seed))
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

    def mean_loss(params, batch, rng, memory):  # memory: of the moving average
        total, (sums, memory) = task.loss(params, batch, rng, memory)
        return total / sums.tokens, memory

    def update(params, state, batch, rng, memory):
        graded = jax.value_and_grad(mean_loss, has_aux=True)
        (loss, memory), gradient = graded(params, batch, rng, memory)
        changes, state = tx.update(gradient, state, params)
        return optax.apply_updates(params, changes), state, memory, loss

    update, state = jit(update, runs="seldom"), tx.init(params)
    memory, losses = task.estimator_state, []
    for step in range(steps):
        rng = jax.random.fold_in(jax.random.key(1), step)
        batch = task.batches.at(step)
        params, state, memory, loss = update(params, state, batch, rng, memory)
        losses.append(loss)
    run = spec(settings.task).loader(settings, folder).make(folder, steps, params)
    return run, np.array(losses)


runs, losses = {}, {}
for name, (read, estimator) in rules.items():
    config = base | {"model": base["model"] | {"read": read}, "estimator": estimator}
    runs[name], losses[name] = train(parse_settings(config), 250)

# %%
figure, axes = plt.subplots(figsize=(6, 2.8))
for name, curve in losses.items():
    axes.plot(curve.reshape(-1, 10).mean(axis=1), label=name)
axes.set(xlabel="updates / 10", ylabel="minus the bound, nats a word")
axes.legend()
figure.tight_layout()

# %% [markdown]
# With the sum in hand there is more to ask than where the model looks *before* it knows
# the word, the **prior** $p(a)$. After the word is known, Bayes' rule gives the
# **posterior**
#
# $$p(a \mid y) = \frac{p(a)\, p(y \mid a)}{\sum_{a'} p(a')\, p(y \mid a')}.$$

# %%
gold = parse_settings(base).data.load().gold["test"]
sure = [{(s, t) for t, s in pair.sure} for pair in gold]
possible = [{(s, t) for t, s in pair.possible} for pair in gold]
for name, run in runs.items():
    numbers = []
    for kind in ("prior", "posterior"):
        aligned = run.translator.align(run.params, gold, kind)
        links = [{(int(s), t) for t, s in enumerate(w.argmax(1))} for w in aligned]
        numbers.append(f"{kind} {attnlab.metrics.aer(links, sure, possible):.3f}")
    print(f"{name:15} AER by the", ", by the ".join(numbers))

pair = max(gold, key=lambda pair: len(pair.source))
figure, panels = plt.subplots(1, 4, figsize=(11, 2.7))
pictures = [(name, "prior") for name in runs] + [("exact marginal", "posterior")]
for axes, (name, kind) in zip(panels, pictures, strict=True):
    weights = runs[name].translator.align(runs[name].params, [pair], kind)[0]
    title = f"{name}, {kind}"
    attnlab.plot_alignment(weights, pair.source, pair.target, ax=axes, title=title)
figure.tight_layout()

# %% [markdown]
# REINFORCE gets there more slowly, by its noise and by the bound that it climbs. On a
# pair this easy prior and posterior agree. On real text they do not: on the Hansards
# the exact marginal has an AER of 0.37 by the prior and of 0.18 by the posterior
# ([docs/hard-attention.md](../hard-attention.md)).
#
# ## Chains: where the last step looked
#
# So far each step looks for itself. Translators move: after word 3 they mostly look at
# word 4. In a **hidden Markov model** the position of a step depends on the position
# before it,
#
# $$p(y, a) = \prod_t p(a_t \mid a_{t-1})\, p(y_t \mid a_t), \qquad
#   p(a_t = s \mid a_{t-1} = c) \propto J(c, s)\, w_t(s),$$
#
# where $w_t$ are the weights of the attention and $J$ says how likely each jump is. The
# sum over all paths is cheap by the **forward recursion**: $f_t(s)$ is the joint
# probability of all words up to $t$ and of standing at $s$,
#
# $$f_t(s) = p(y_t \mid s) \sum_c f_{t-1}(c)\, p(a_t = s \mid a_{t-1} = c).$$
#
# A case that single steps cannot solve: the word "the" stands twice, and either could
# have made either of its translations.

# %%
source = "the cat saw the dog".split()
target = "la katze sah la hundo".split()
meaning = {"the": "la", "cat": "katze", "saw": "sah", "dog": "hundo"}
same = np.array([[meaning[s] == t for s in source] for t in target])
emissions = np.where(same, 0.9, 0.02)  # p(y | s)
S = len(source)
jumps = np.zeros((S + 1, S))  # log J: row 0 before the sentence, row 1 + c from word c
for row in range(S + 1):
    jumps[row] = -1.5 * np.abs(np.arange(S) - row)  # best is the next word
uniform = np.full((S, S), 1 / S)  # w: the attention itself has no idea

J = np.exp(jumps) / np.exp(jumps).sum(axis=1, keepdims=True)
forward = [J[0] * emissions[0]]
for t in range(1, S):
    forward.append(forward[-1] @ J[1:] * emissions[t])
by_hand = np.log(forward[-1].sum())

# %% [markdown]
# Going back from the end in the same way gives $b_t(s)$, the probability of all words
# *after* $t$ for who stands at $s$, and with it the posterior $f_t(s)\, b_t(s) / p(y)$.

# %%
backward = [np.ones(S)]
for t in range(S - 1, 0, -1):
    backward.insert(0, J[1:] @ (emissions[t] * backward[0]))
posterior = np.array(forward) * np.array(backward) / forward[-1].sum()

record = chain.Chain(
    weights=jnp.array(uniform),
    jumps=jnp.array(jumps),
    emissions=jnp.log(jnp.array(emissions)),
    real=jnp.ones(S, bool),
    null=jnp.zeros(S),
    null_emissions=jnp.zeros(S),
)
log_likelihood = jit(chain.log_likelihood, runs="once")(record)
theirs = jit(chain.posterior, runs="once")(record).positions
best = jit(chain.viterbi, runs="once")(record)
print("by hand", by_hand, "attnlab", log_likelihood)
assert np.isclose(by_hand, log_likelihood, rtol=1e-4)
assert np.allclose(posterior, theirs, atol=1e-4)
print("the likeliest path:", [source[s] for s in best])

alone = emissions / emissions.sum(axis=1, keepdims=True)
figure, panels = plt.subplots(1, 2, figsize=(6.5, 2.7))
pictures = {"each step by itself": alone, "as a chain": theirs}
for axes, (title, weights) in zip(panels, pictures.items(), strict=True):
    attnlab.plot_alignment(weights, source, target, ax=axes, title=title)
figure.tight_layout()

# %% [markdown]
# In attnlab a translator of this kind is `read="hard"`, `learning="chain"` and a
# `transition`; two of them, one a direction, that learn to agree are an aligner
# ([docs/alignment.md](../alignment.md)). More estimators (variational, Gumbel), and
# what they cost: [docs/hard-attention.md](../hard-attention.md).
#
# ## Exercises
#
# **1.** Show that the baseline $b = r(\tilde a)$ is not allowed, by trying it.
#
# <details><summary>Answer</summary>
#
# It depends on the sample: then $r(\tilde a) - b = 0$ always, and the estimator is zero
# without any variance, and wrong. A baseline may know all about the step, and nothing
# about what was drawn.
# </details>
#
# **2.** Which constant baseline has the least variance for a single step with two
# positions of equal weight? Compute it, then test it.
#
# <details><summary>Answer</summary>
#
# With $p = (\frac12, \frac12)$ the gradient of $\log p$ is $\pm(\frac12, -\frac12)$: of
# one length. So the variance is least where the mean of $(r - b)^2$ is: at $b$ the mean
# reward,
# $(r(1) + r(2)) / 2$. Both samples then give the same gradient, and the variance is
# zero.
# </details>
#
# **3.** Insert a target word that no source word means after the second one (an
# emission row of 0.02). Set `null` of the chain to 0.3 and `null_emissions` to $\log
# 0.2$. Where does the posterior of the new word go?
#
# <details><summary>Answer</summary>
#
# To NULL, "nothing was read": little is left in its row of `positions`, and `null` of
# the posterior is about 0.9. The chain waits where it was, so that the next word is
# still found one position on.
# </details>
