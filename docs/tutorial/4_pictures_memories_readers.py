# %% [markdown]
# # 4. Pictures, memories, readers
#
# ## Goals
#
# - Meet four systems that attend to something else than a source sentence: cells of a
#   picture, slots of a memory, words of a passage, sentences of a story.
# - See in each what plays the query, what the values, and what the weights tell.
#
# The papers: [Show, attend and tell](https://arxiv.org/abs/1502.03044) (Xu et al.
# 2015), [Neural Turing machines](https://arxiv.org/abs/1410.5401) (Graves et al. 2014),
# [Teaching machines to read and comprehend](https://arxiv.org/abs/1506.03340) (Hermann
# et al. 2015), [End-to-end memory networks](https://arxiv.org/abs/1503.08895)
# (Sukhbaatar et al. 2015).

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

from attnlab.attention import addressing
from attnlab.compilation import jit
from attnlab.tasks import make_task, parse_settings, spec

plt.rcParams["figure.dpi"] = 70


# %%
def train(config, steps, learning_rate=1e-2):
    """A trained run of any task, and its losses: the loop of notebook 1."""
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
    print("loss", *np.array(losses).reshape(5, -1).mean(axis=1).round(2))
    return run


# %% [markdown]
# ## Show, attend and tell
#
# A small convolutional network makes one annotation $a_i$ of each cell of a picture.
# The decoder asks with its last state (section 3.1.2), and a scalar gate $\beta_t$ may
# close:
#
# $$e_{ti} = f_{att}(a_i, h_{t-1}) \qquad \alpha_t = \mathrm{softmax}(e_t) \qquad
#   \hat z_t = \beta_t \sum_i \alpha_{ti} a_i.$$
#
# Nothing differs from a sentence but where the values come from. The pictures: a
# handwritten digit somewhere on a page, with a caption that names it.

# %%
captioner = train(
    {
        "task": "captioning",
        "data": {
            "shapes": 1,
            "scenes": {"train": 3000, "dev": 20, "test": 60, "grid": 3, "most": 1},
        },
        "model": {
            "channels": [16, 32],
            "embedding": 24,
            "hidden": 24,
            "attention_hidden": 24,
            "cell": "gru",
        },
        "train": {"batch_size": 32},
        "evaluate": {"longest": 4, "pictures": 1},
    },
    350,
)

# %%
scenes = captioner.pictures.test[:6]
figure, panels = plt.subplots(2, len(scenes), figsize=(9, 3.2))
for (above, below), scene in zip(panels.T, scenes, strict=True):
    caption = captioner.align(scene, " ".join(scene.captions[0]))
    above.imshow(scene.seen[..., 0], cmap="gray")
    above.set_title(str(caption))
    below.imshow(caption.weights[-1], cmap="gray", vmin=0)
for axes in panels.flat:
    axes.set_xticks([])
    axes.set_yticks([])
panels[0, 0].set_ylabel("picture")
panels[1, 0].set_ylabel("weights")
figure.tight_layout()

# %% [markdown]
# Below each picture are the weights of the digit's name over 6 x 6 cells, white for the
# largest. Nobody said where the digits are. (Scenes of three digits, with captions such
# as "a seven above a three", take a thousand updates: [results](../results.md).)
#
# ## The Neural Turing Machine
#
# A *head* addresses a memory $M$ of slots that it also writes to. Its weights come
# about in four stages (equations 5 to 9): by content, with a strength $\beta$; mixed
# with the last weights by a gate $g$; shifted in a circle by $s$; sharpened by $\gamma
# \ge 1$.
#
# $$\begin{aligned}
# w^c(i) &\propto \exp(\beta \cos(k, M(i))) & w^g &= g\, w^c + (1 - g)\, w_{t-1} \\
# \tilde w(i) &= \textstyle\sum_j w^g(j)\, s(i - j) & w(i) &\propto \tilde w(i)^\gamma
# \end{aligned}$$


# %%
def softplus(x):
    return np.log1p(np.exp(x))


def four_stages(memory, last, key, strength, gate, shift, sharpness):
    cosines = memory @ key / np.linalg.norm(memory, axis=1) / np.linalg.norm(key)
    content = np.exp(strength * cosines)
    content /= content.sum()
    mixed = gate * content + (1 - gate) * last
    moved = [np.roll(mixed, by) for by in (-1, 0, 1)]
    shifted = np.dot(shift, moved)
    sharp = shifted**sharpness
    return {
        "content": content,
        "gate": mixed,
        "shift": shifted,
        "sharpen": sharp / sharp.sum(),
    }


rng = np.random.default_rng(0)
SLOTS, WIDTH = 12, 6
memory = rng.normal(size=(SLOTS, WIDTH))
last = np.eye(SLOTS)[9]
key = memory[4] + 0.3 * rng.normal(size=WIDTH)
stages = four_stages(memory, last, key, 6.0, 0.7, (0.1, 0.1, 0.8), 3.0)
figure, panels = plt.subplots(1, 4, figsize=(10, 2), sharey=True)
for axes, (name, weights) in zip(panels, stages.items(), strict=True):
    axes.bar(range(SLOTS), weights)
    axes.set_title(name)
figure.tight_layout()

# %% [markdown]
# The key resembles slot 4, the last weights were on slot 9, and the shift is mostly one
# slot on. In attnlab all of this is one attention, `addressing()`, whose carry from
# step to step are the last weights. Let us set a head by hand, without any training:
# input 0 says "find the key", input 1 says "walk on". The head emits key, strength,
# gate, sharpness, shift.

# %%
head = addressing()
EMIT = {"strength": WIDTH, "gate": WIDTH + 1, "sharpness": WIDTH + 2, "on": WIDTH + 5}
emit = np.zeros((2, WIDTH + 6), np.float32)
emit[0, :WIDTH] = memory[4]  # "find": by content, and stay
emit[0, [EMIT["strength"], EMIT["gate"], WIDTH + 4]] = 15
emit[1, EMIT["gate"]] = -15  # "walk": the last weights, one slot on
emit[1, EMIT["on"]] = 15
emit[:, EMIT["sharpness"]] = 5
params = {"emit": emit, "bias": np.zeros(WIDTH + 6, np.float32)}
orders = np.array([0, 1, 1, 1, 0, 1, 1, 1, 1, 1])


@jax.jit
def walk(inputs, values):
    prepared = head.prepare(params, values, np.ones(SLOTS, bool), SLOTS)

    def step(carry, query):
        out = head.apply(params, query, prepared, step=0, carry=carry)
        return out.carry, out.weights

    return jax.lax.scan(step, head.start(prepared), inputs)[1]


weights = walk(np.eye(2, dtype=np.float32)[orders], memory.astype(np.float32))
by_hand = four_stages(
    *(memory, np.eye(SLOTS)[0], memory[4], softplus(15), 1.0, (0, 1, 0)),
    1 + softplus(5),
)
assert np.allclose(weights[0], by_hand["sharpen"], atol=1e-3)
figure, axes = plt.subplots(figsize=(4, 2.6))
axes.imshow(weights, cmap="gray", vmin=0, vmax=1)
axes.set_yticks(range(len(orders)), [("find", "walk")[order] for order in orders])
axes.set_xlabel("slot")
figure.tight_layout()

# %% [markdown]
# A machine that has learned to copy moves its heads like this: it writes the items one
# slot after the other, finds the first slot again, and reads on
# ([results](../results.md) has the picture of a trained one).
#
# ## The attentive reader
#
# Passage tokens have states $y_d(t)$, the query one vector $u$. The reader looks once
# (section 2.2):
#
# $$m(t) = \tanh(W_{ym} y_d(t) + W_{um} u) \qquad s(t) \propto \exp(w_{ms}^\top m(t))
#   \qquad r = \sum_t s(t)\, y_d(t)$$
#
# and answers by $r$ and $u$. Names are numbered anew for every use, so that only
# reading helps.

# %%
reader = train(
    {
        "task": "cloze",
        "data": {
            "shapes": 1,
            "synthetic": {
                "train": 4000,
                "dev": 20,
                "test": 60,
                "facts": [3, 3],
                "entities": 4,
                "synonyms": 0.0,
            },
        },
        "model": {
            "answers": "passage",
            "embedding": 24,
            "hidden": 24,
            "attention_hidden": 24,
            "readouts": 24,
            "dropout": 0.0,
        },
    },
    400,
)
tests = reader.corpus.test
answers = [reader.answer(test.passage, test.query) for test in tests]
right = [a.entity == test.answer for a, test in zip(answers, tests, strict=True)]
print(f"{np.mean(right):.0%} of {len(tests)} questions are right")

# %%
number = right.index(True)
print("query:", " ".join(tests[number].query))
answers[number].figure("the one look at the passage")

# %% [markdown]
# The look is broad: it takes in both sentences with the verb of the query, and names in
# them. A state of the GRU has read its neighbors, so that the heaviest word need not be
# the answer itself, and this reader has learned for seconds. With `readout="sum"` the
# weights of a name *are* its probability ([Kadlec et al.
# 2016](https://arxiv.org/abs/1603.01547)), and fall on the answer more often.
#
# ## Memory networks
#
# Each sentence of a story is two vectors: $m_i$ to be matched, $c_i$ to be read. One
# look is not enough for "where is the apple?": first who has it, then where that person
# is. So the question looks several times, in **hops** (equations 1, 2 and 4):
#
# $$p_i = \mathrm{softmax}(u^{k\top} m_i) \qquad o^k = \sum_i p_i c_i \qquad
#   u^{k+1} = u^k + o^k.$$

# %%
network = train(
    {
        "task": "memn2n",
        "data": {
            "stories": {
                "train": 3000,
                "dev": 20,
                "test": 100,
                "sentences": [4, 8],
                "people": 3,
            }
        },
        "model": {"hops": 3, "linear_start": 0, "noise": 0.0},
        "train": {"batch_size": 64},
    },
    800,
)
story = [
    "mary went to the garden",
    "mary took the apple",
    "john moved to the office",
    "mary walked to the kitchen",
]
answer = network.answer(story, "where is the apple")
print(answer)

# %%
figure, axes = plt.subplots(figsize=(5, 1.8))
axes.imshow(answer.weights.T, cmap="Greys", vmin=0, vmax=1, aspect="auto")
axes.set_yticks(range(len(story)), answer.story)
axes.set_xticks(range(3), [f"hop {k + 1}" for k in range(3)])
axes.set_title(f"{answer.question}? {answer.answer}", fontsize=10)
figure.tight_layout()

# %% [markdown]
# | system | query | values | weights tell |
# | --- | --- | --- | --- |
# | Show, attend, tell | the decoder's last state | cells of a picture | what is named |
# | Turing Machine | what the controller emits | slots that it wrote | where a head is |
# | attentive reader | the question | words of the passage | where it may stand |
# | memory network | the question, and earlier hops | sentences | the chain of facts |
#
# ## Exercises
#
# **1.** Set the sharpness of the walking head to its least, `emit[:, EMIT["sharpness"]]
# = -15`, and the shift of "walk" to `emit[1, EMIT["on"]] = 2`. What goes wrong after
# some steps?
#
# <details><summary>Answer</summary>
#
# A shift that is not one-hot blurs the weights a little in each step, and without
# sharpening the blur adds up: the head is everywhere. Equation 9 is there to undo it.
# </details>
#
# **2.** Ask the reader a question whose verb is in no sentence of the passage. Where
# does it look?
#
# <details><summary>Answer</summary>
#
# Somewhere: softmax weights sum to one whether or not anything matches. An attention
# cannot say "nowhere", unless it is given a place for that (NULL in the
# [glossary](../glossary.md)).
# </details>
#
# **3.** Train the memory network with `"hops": 1`. Which questions does it lose?
#
# <details><summary>Answer</summary>
#
# Those that need two sentences: where a *thing* is. "Where is mary" is still right, as
# one sentence answers it. In the sweep `configs/ablations/sukhbaatar2015.py` "1 hop" is
# a row.
# </details>
