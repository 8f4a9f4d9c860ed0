"""Data parallel training: the rows of a batch over devices, and over processes.

    jit         the program of one device, divided by the compiler as its arrays lie
    shard_map   every device runs the update on its rows, and sums are exchanged
    pmap        the same in JAX's older words

All make the update of one device: losses, counts and gradients are summed over the
devices before anything is divided. By jit random numbers are those of one device, too;
by the other two each device draws its own (see `attnlab.training.step`), so that losses
which draw are equal in distribution only.

Parameters, optimizer and learner are whole on every device, so a run goes on from its
checkpoint on any number of them. This is the only file that says pmap or shard_map.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from attnlab.training import processes

ROWS, REPLICAS = "rows", "replicas"  # axes of the mesh


class Layout(NamedTuple):
    """How a run is spread: by a strategy, over devices, a process's side by side."""

    strategy: str
    devices: tuple[Any, ...]

    @property
    def alone(self) -> bool:
        """Is it one device, and nothing to be spread?"""
        return len(self.devices) == 1 and self.strategy == "jit"


class ParallelUpdate(NamedTuple):
    """An update on the devices of a layout.

    update(state, batch, ...) -> (state, Sums), the batch a whole one, in memory.
    place(state) -> the first process's state, on all devices.
    fetch(state) -> the state on one device of this process. All processes call it.
    lower(state, batch, ...) -> the program, to be looked at.
    """

    update: Callable[..., Any]
    place: Callable[[Any], Any]
    fetch: Callable[[Any], Any]
    lower: Callable[..., Any]


def layout_of(settings: Mapping[str, Any]) -> Layout:
    """The layout that the settings `train` ask for; ValueErrors name what cannot be.

    `devices` are those of each process: a number, or "all".
    """
    strategy, wanted = settings.get("strategy", "jit"), settings.get("devices", 1)
    if strategy not in STRATEGIES:
        choices = ", ".join(STRATEGIES)
        raise ValueError(f"unknown train.strategy {strategy!r}; choose {choices}")
    groups = [
        [device for device in jax.devices() if device.process_index == process]
        for process in range(processes.count())
    ]
    most = min(map(len, groups))
    many = most if wanted == "all" else wanted
    if isinstance(many, bool) or not isinstance(many, int) or not 1 <= many <= most:
        kind = groups[0][0].platform
        where = "each process has" if len(groups) > 1 else "there are"
        choices = f"1 to {most}" if most > 1 else "1"
        raise ValueError(
            f"train.devices is {wanted!r}, and {where} {most} ({kind}); choose "
            f"{choices}, or 'all'"
        )
    layout = Layout(strategy, tuple(d for group in groups for d in group[:many]))
    if not settings.get("token_budget") and "batch_size" in settings:
        check_rows(settings["batch_size"], len(layout.devices), "train.batch_size")
    return layout


def check_rows(rows: int, devices: int, name: str) -> None:
    """A ValueError where devices cannot share so many rows evenly."""
    if rows % devices:
        fitting = [n for n in range(1, devices) if rows % n == 0]
        raise ValueError(
            f"{name} is {rows}, which {devices} devices cannot share evenly; choose a "
            f"multiple of {devices}, or {' or '.join(map(str, fitting))} devices"
        )


def parallel_update(
    make: Callable[[str | None], Callable[..., Any]],
    layout: Layout,
    *,
    shared: Sequence[str] = (),
    replicas: int = 0,
) -> ParallelUpdate:
    """The update that make(axis_name) returns, on the devices of a layout.

    `shared` names the parts of a batch that have no rows (`Task.shared`). With
    `replicas`, everything has a leading axis K of so many. The devices then form
    gcd(K, devices) groups: a group has replicas of its own, shares the rows of each,
    and exchanges nothing with the others. By pmap there is one group.
    """
    if layout.alone:
        compiled = jax.jit(make(None), donate_argnums=0)
        return ParallelUpdate(compiled, _same, _same, compiled.lower)
    return STRATEGIES[layout.strategy](
        make, layout.devices, frozenset(shared), replicas
    )


def _same(state: Any) -> Any:
    return state


def _by_jit(make, devices, shared, replicas: int) -> ParallelUpdate:
    program = make(None)
    return _on_mesh(lambda mesh, specs: program, devices, shared, replicas)


def _by_shard_map(make, devices, shared, replicas: int) -> ParallelUpdate:
    program = make(ROWS)

    def build(mesh, specs):
        def update(state, batch, *others):
            whole = specs(None)
            mapped = jax.shard_map(
                program,
                mesh=mesh,
                in_specs=(whole, specs(batch), *(whole for _ in others)),
                out_specs=whole,
                # With the check on, gradients of replicated parameters come summed, and
                # summing them again would make them too large by the devices' number.
                check_vma=False,
            )
            return mapped(state, batch, *others)

        return update

    return _on_mesh(build, devices, shared, replicas)


def _on_mesh(build, devices, shared, replicas: int) -> ParallelUpdate:
    """An update by jit on arrays that lie on a mesh [replicas, rows] of the devices."""
    across = math.gcd(replicas, len(devices)) if replicas else 1
    grid = np.array(devices).reshape(across, -1)
    mesh = Mesh(grid, (REPLICAS, ROWS), axis_types=(AxisType.Auto, AxisType.Auto))
    lead = (REPLICAS,) if replicas else ()

    def specs(batch):
        """How the parts of a batch are split; without one, everything else."""
        if batch is None:
            return P(*lead)
        rows = (
            P(*lead) if name in shared else P(*lead, ROWS) for name in batch._fields
        )
        return type(batch)(*rows)

    def lay(batch):
        _check(batch, shared, len(lead), grid.shape[1])
        parts = [
            jax.make_array_from_callback(
                np.shape(part), NamedSharding(mesh, spec), np.asarray(part).__getitem__
            )
            for part, spec in zip(batch, specs(batch), strict=True)
        ]
        return type(batch)(*parts)

    whole, split = NamedSharding(mesh, P()), NamedSharding(mesh, specs(None))
    update = build(mesh, specs)
    compiled = jax.jit(update, out_shardings=(split, whole), donate_argnums=0)
    gather = jax.jit(_same, out_shardings=whole)

    def place(state):
        state = _from_first(state, devices)
        return jax.jit(_same, out_shardings=split)(state)

    return ParallelUpdate(
        lambda state, batch, *others: _settled(compiled(state, lay(batch), *others)),
        place,
        lambda state: _here(gather(state) if replicas else state),
        lambda state, batch, *others: compiled.lower(state, lay(batch), *others),
    )


def _by_pmap(make, devices, shared, replicas: int) -> ParallelUpdate:
    update, lead = make(ROWS), int(replicas > 0)  # the axis of rows
    own = [d for d in devices if d.process_index == jax.process_index()]
    first = devices.index(own[0])
    mesh = Mesh(np.array(own), (ROWS,), axis_types=(AxisType.Auto,))

    @functools.cache
    def program(kind, others: int):
        axes = kind(*(None if name in shared else lead for name in kind._fields))
        return jax.pmap(
            update,
            ROWS,
            in_axes=(None, axes, *[None] * others),
            out_axes=None,
            devices=devices,
        )

    def divided(name: str, part):
        """This process's rows [B, ...], or [K, B, ...], as [devices, b, ...]."""
        if name in shared:
            return part
        part = np.asarray(part)
        before, (rows, *rest) = part.shape[:lead], part.shape[lead:]
        each = part.reshape(*before, len(devices), rows // len(devices), *rest)
        return each[(slice(None),) * lead + (slice(first, first + len(own)),)]

    def call(state, batch, *others):
        _check(batch, shared, lead, len(devices))
        parts = (divided(*pair) for pair in zip(batch._fields, batch, strict=True))
        return program(type(batch), len(others)), (state, type(batch)(*parts), *others)

    def run(*arguments):
        compiled, given = call(*arguments)
        return _settled(compiled(*given))

    def lower(*arguments):
        compiled, given = call(*arguments)
        return compiled.lower(*given)

    def place(state):
        state = _from_first(state, devices)
        return jax.jit(_same, out_shardings=NamedSharding(mesh, P()))(state)

    return ParallelUpdate(run, place, _here, lower)


STRATEGIES = {"jit": _by_jit, "pmap": _by_pmap, "shard_map": _by_shard_map}


def _check(batch: Any, shared, axis: int, devices: int) -> None:
    for name, part in zip(batch._fields, batch, strict=True):
        if name not in shared:
            check_rows(np.shape(part)[axis], devices, "the number of a batch's rows")


def _settled(result: Any) -> Any:
    """What an update returned, once it's there if CPUs computed it.

    Updates that are not waited for pile up, and the devices of one CPU (there are
    several with --xla_force_host_platform_device_count) block each other for good.
    """
    if next(iter(result[1].loss.devices())).platform == "cpu":
        return jax.block_until_ready(result)
    return result


def _here(state: Any) -> Any:
    """What all devices have alike, on the first of this process."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), state)


def _from_first(state: Any, devices: Sequence[Any]) -> Any:
    """The first process's bits of a state, on every process."""
    if processes.count() == 1:
        return state
    keys = jax.tree.map(_is_key, state)
    bare = jax.tree.map(
        lambda x, key: jax.random.key_data(x) if key else x, state, keys
    )
    own = [np.asarray(leaf) for leaf in jax.tree.leaves(bare)]
    told = np.frombuffer(b"".join(leaf.tobytes() for leaf in own), np.uint8)
    mesh = Mesh(np.array(devices), (ROWS,), axis_types=(AxisType.Auto,))

    def row(index: Any) -> np.ndarray:
        """What a device says: the first process's first one the state, others zeros."""
        return (told if not index[0].start else np.zeros_like(told))[None]

    processes.meet()
    each = jax.make_array_from_callback(
        (len(devices), len(told)), NamedSharding(mesh, P(ROWS)), row
    )
    total = jax.jit(
        lambda rows: rows.sum(axis=0, dtype=rows.dtype),
        out_shardings=NamedSharding(mesh, P()),
    )(each)
    heard, at = np.asarray(total.addressable_data(0)).tobytes(), 0
    found = []
    for leaf in own:
        part = np.frombuffer(heard, leaf.dtype, leaf.size, at)
        found.append(jax.numpy.asarray(part.reshape(leaf.shape)))
        at += leaf.nbytes
    bare = jax.tree.unflatten(jax.tree.structure(bare), found)
    return jax.tree.map(
        lambda x, old, key: (
            jax.random.wrap_key_data(x, impl=jax.random.key_impl(old)) if key else x
        ),
        bare,
        state,
        keys,
    )


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
