"""The Neural Turing Machine: a controller that reads and writes a memory by attention.

Graves et al. 2014. The memory is what an attention attends to; unlike a sentence it
changes with every step, so that the attention prepares it anew.
"""

from typing import Any, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import constant, glorot_uniform, zeros

from attnlab.attention.addressing import CLIP
from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    Params,
)
from attnlab.nn.cells import Cell, dense, lstm, project
from attnlab.nn.launches import few_kernels
from attnlab.nn.recurrence import time_major
from attnlab.nn.scan import scan

FIRST = 1e-6  # what every cell of the memory starts with (Collier & Beel 2018)
MEMORIES = ("constant", "learned")
Carry: TypeAlias = Any  # a pytree of arrays, that only its owner looks into


class NTMOutputs(NamedTuple):
    """All steps of a batch.

    Attributes:
      logits: [B, T, Y].
      reads: [B, T, R, S], where R read heads read.
      writes: [B, T, W, S], where W write heads wrote.
    """

    logits: jax.Array
    reads: jax.Array
    writes: jax.Array


class Machine(NamedTuple):
    """What a machine carries from step to step, of one sequence.

    Attributes:
      cell: the controller's carry.
      seen: [R, C], what the read heads read last.
      reading: the carries of the read heads, with a leading axis R.
      writing: the carries of the write heads, with a leading axis W.
      memory: [C, S]; a CPU is faster along the slots, of which there are more.
    """

    cell: Carry
    seen: jax.Array
    reading: Carry
    writing: Carry
    memory: jax.Array


def feed_forward() -> Cell:
    """One layer of tanh units as a controller; its carry is only its output.

    Returns:
      The Cell.
    """

    def init(rng, inputs, hidden):
        return {
            "input": glorot_uniform()(rng, (inputs, hidden)),
            "bias": jnp.zeros((hidden,)),
        }

    def step(params, carry, projected):
        del params, carry
        return jnp.tanh(projected)

    return Cell(init, project, step, lambda state: state, lambda carry: carry)


CONTROLLERS = {"feed-forward": feed_forward, "lstm": lstm}


class NTM(nn.Module):
    """A controller with read and write heads on a memory of S slots of C numbers.

    At each step the controller sees the input and what was read last; all heads address
    the memory as the step found it; read heads read it, then write heads change it (the
    paper leaves the order open; Collier & Beel do so). Outputs are of what the
    controller puts out and what has just been read. Any attention that weighs all S
    slots can be the heads, each with its own parameters.

    Attributes:
      inputs: numbers a step, X.
      outputs: bits a step, Y.
      attention: what the heads address the memory by.
      controller: what emits the heads.
      hidden: units of the controller, H.
      slots: rows of the memory, S.
      width: numbers of a row, C.
      read_heads: R.
      write_heads: W.
      memory: how it starts, one of MEMORIES.
    """

    inputs: int
    outputs: int
    attention: Attention
    controller: Cell
    hidden: int = 100
    slots: int = 128
    width: int = 20
    read_heads: int = 1
    write_heads: int = 1
    memory: str = "constant"

    def setup(self) -> None:
        if self.memory not in MEMORIES:
            choices = ", ".join(MEMORIES)
            raise ValueError(f"unknown memory {self.memory!r}; choose {choices}")
        seen = self.read_heads * self.width
        glorot = glorot_uniform()
        self.control = self.param(
            "controller", self.controller.init, self.inputs + seen, self.hidden
        )
        dims = Dims(query=self.hidden, value=self.width, hidden=self.hidden)

        def heads(rng, count):
            return jax.vmap(lambda r: self.attention.init(r, dims))(
                jax.random.split(rng, count)
            )

        self.readers = self.param("read", heads, self.read_heads)
        self.writers = self.param("write", heads, self.write_heads)
        changes = 2 * self.width  # what a write head erases and adds
        size = (self.hidden, self.write_heads * changes)
        self.change = self.param("change", glorot, size)
        self.change_bias = self.param("change_bias", zeros, size[1:])
        size = (self.hidden + seen, self.outputs)
        self.output = self.param("output", glorot, size)
        self.output_bias = self.param("output_bias", zeros, size[1:])
        if self.memory == "learned":
            size = (self.slots, self.width)
            self.first = self.param("memory", constant(FIRST), size)

    def __call__(self, inputs: jax.Array) -> NTMOutputs:
        """Runs over sequences; an output depends on no step after its own.

        Args:
          inputs: [B, T, X].

        Returns:
          Logits, and where the heads were.
        """
        steps = time_major(inputs)
        # The inputs of all steps make one product; what was read comes in step by step.
        given = {**self.control, "input": self.control["input"][: self.inputs]}
        projected = self.controller.project(given, steps)
        machines = jax.vmap(lambda _: self.start())(steps[0])
        step = jax.vmap(self.step)
        if not few_kernels():
            # What a step forms of the memory is formed anew for the gradient: saving it
            # all takes three times as long.
            step = jax.checkpoint(step, prevent_cse=False)
        _, scanned = scan(step, machines, projected, matrices_last=True)
        states, seen, reads, writes = jax.tree.map(time_major, scanned)
        seen = seen.reshape(*seen.shape[:2], -1)
        joined = jnp.concatenate([states, seen], axis=-1)
        logits = dense(joined, self.output, self.output_bias)
        return NTMOutputs(jnp.clip(logits, -CLIP, CLIP), reads, writes)

    def parameters(self) -> None:
        """Draws all parameters, by `init(rng, method="parameters")`, without a pass."""
        _ = self.output

    def start(self) -> Machine:
        """The machine before the first step; it has read nothing.

        Returns:
          Its state, of one sequence.
        """
        size = (self.slots, self.width)
        memory = self.first if self.memory == "learned" else jnp.full(size, FIRST)

        def carry(head):
            return self.attention.start(self.prepare(head, memory))

        return Machine(
            cell=self.controller.start(jnp.zeros(self.hidden)),
            seen=jnp.zeros((self.read_heads, self.width)),
            reading=jax.vmap(carry)(self.readers),
            writing=jax.vmap(carry)(self.writers),
            memory=memory.T,
        )

    def prepare(self, head: Params, memory: jax.Array) -> Memory:
        """The memory as a head sees it.

        Args:
          head: the head's parameters.
          memory: [S, C].

        Returns:
          The Memory that its attention takes.
        """
        full = jnp.ones(self.slots, bool)
        return self.attention.prepare(head, memory, full, self.slots)

    def step(
        self, machine: Machine, projected: jax.Array
    ) -> tuple[Machine, tuple[jax.Array, ...]]:
        """One step of one sequence.

        Args:
          machine: the state before.
          projected: the inputs as the controller's gates see them.

        Returns:
          The state after; the controller's output [H], reads [R, C], weights of the
          read heads [R, S] and of the write heads [W, S].
        """
        old = self.control["input"][self.inputs :]
        gates = projected + machine.seen.reshape(-1) @ old
        cell = self.controller.step(self.control, machine.cell, gates)
        state = self.controller.output(cell)

        def look(head, carry) -> AttentionOutput:
            memory = self.prepare(head, machine.memory.T)  # the step's old one
            return self.attention.apply(head, state, memory, step=0, carry=carry)

        # All at once: on a CPU too an update takes a tenth less than in two parts.
        heads = _joined(self.readers, self.writers)
        both = jax.vmap(look)(heads, _joined(machine.reading, machine.writing))
        read = jax.tree.map(lambda leaf: leaf[: self.read_heads], both)
        written = jax.tree.map(lambda leaf: leaf[self.read_heads :], both)
        emitted = jnp.clip(state @ self.change + self.change_bias, -CLIP, CLIP)
        erase, add = jnp.split(emitted.reshape(self.write_heads, -1), 2, axis=-1)
        memory = write(
            machine.memory, written.weights, jax.nn.sigmoid(erase), jnp.tanh(add)
        )
        machine = Machine(cell, read.context, read.carry, written.carry, memory)
        return machine, (state, read.context, read.weights, written.weights)


def _joined(first, second):
    """Leaves [R, ...] and [W, ...] as [R + W, ...]."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), first, second)


def write(
    memory: jax.Array, weights: jax.Array, erase: jax.Array, add: jax.Array
) -> jax.Array:
    """The memory after all erases, then all adds (Graves et al. 2014, eqs. 3-4).

    Within either, no order of heads matters.

    Args:
      memory: [C, S].
      weights: [W, S], where each head writes.
      erase: [W, C] in [0, 1], the share it erases.
      add: [W, C], what it adds.

    Returns:
      [C, S].
    """
    for where, what in zip(weights, erase, strict=True):
        memory = memory * (1 - jnp.outer(what, where))
    return memory + jnp.einsum("ws,wc->cs", weights, add)
