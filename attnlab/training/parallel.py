"""Data parallel training: the rows of a batch over devices, and over processes.

    jit         the program of one device, divided by the compiler as its arrays lie
    shard_map   every device runs the update on its rows, and sums are exchanged
    pmap        the same by JAX's older interface

By default accelerators go by shard_map, whose devices exchange once an update: by jit
the compiler puts exchanges into loops as well (docs/accelerators.md).

All make the update of one device: losses, counts and gradients are summed over the
devices before anything is divided. By jit random numbers are those of one device, too;
by the other two each device draws its own (see `attnlab.training.step`), so that losses
which draw are equal in distribution only.

Parameters, optimizer and estimator state are whole on every device, so a run goes on
from its checkpoint on any number of them. No other file uses pmap or shard_map.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from attnlab.compilation import jit
from attnlab.nn.losses import Sums
from attnlab.settings import TrainSettings
from attnlab.training import processes
from attnlab.training.step import Pytree, TrainState, Update

ROWS, REPLICAS = "rows", "replicas"  # axes of the mesh

MakeUpdate = Callable[[str | None], Update]
Devices = tuple[jax.Device, ...]
# A batch -> how its parts are split; None -> how everything else is.
Specs = Callable[[Pytree], Pytree]


class Layout(NamedTuple):
    """How a run is spread over devices.

    strategy: one of STRATEGIES. devices: of all processes, each one's side by side.
    """

    strategy: str
    devices: Devices

    @property
    def alone(self) -> bool:
        """Whether it is one device, and nothing to be spread."""
        return len(self.devices) == 1 and self.strategy == "jit"


class ParallelUpdate(NamedTuple):
    """An update on the devices of a layout.

    update(state, batch, ...) -> (state, Sums), the batch a whole one, in memory.
    place(state) -> the first process's state, on all devices.
    fetch(state) -> the state on one device of this process. All processes call it.
    lower(state, batch, ...) -> the lowered program, whose text can be inspected; of
      arrays, or of their shapes and dtypes. The devices may be such as only compile.
    """

    update: Update
    place: Callable[[TrainState], TrainState]
    fetch: Callable[[TrainState], TrainState]
    lower: Callable[..., jax.stages.Lowered]


def layout_of(settings: TrainSettings) -> Layout:
    """The layout that the settings `train` ask for.

    Args:
      settings: the strategy, and how many devices of each process.

    Returns:
      The layout.

    Raises:
      ValueError: where there are fewer devices, or they cannot share a batch's rows
        evenly; the setting is named.
    """
    wanted = settings.devices
    groups = [
        [device for device in jax.devices() if device.process_index == process]
        for process in range(processes.count())
    ]
    # Every process gives as many, so that they compute equal parts of a batch.
    most = min(map(len, groups))
    many = most if wanted == "all" else wanted
    if not 1 <= many <= most:
        kind = groups[0][0].platform
        where = "each process has" if len(groups) > 1 else "there are"
        choices = f"1 to {most}" if most > 1 else "1"
        raise ValueError(
            f"train.devices is {wanted!r}, and {where} {most} ({kind}); choose "
            f"{choices}, or 'all'"
        )
    devices = tuple(device for group in groups for device in group[:many])
    layout = Layout(_chosen(settings.strategy, devices), devices)
    if settings.rows is not None:  # else they differ from batch to batch
        check_rows(settings.rows, len(layout.devices), "train.batch_size")
    return layout


def _chosen(strategy: str, devices: Devices) -> str:
    """One of STRATEGIES, of what the settings say."""
    if strategy != "auto":
        return strategy
    # A CPU's devices are for trying things out; there jit draws as one device does.
    several = len(devices) > 1 and devices[0].platform != "cpu"
    return "shard_map" if several else "jit"


def check_rows(rows: int, devices: int, name: str) -> None:
    """Refuse rows that devices cannot share evenly.

    Args:
      rows: of a batch.
      devices: how many share them.
      name: of the setting, or of what has so many rows.

    Raises:
      ValueError: with the numbers that would do.
    """
    if rows % devices:
        fitting = [n for n in range(1, devices) if rows % n == 0]
        raise ValueError(
            f"{name} is {rows}, which {devices} devices cannot share evenly; choose a "
            f"multiple of {devices}, or {' or '.join(map(str, fitting))} devices"
        )


def parallel_update(
    make: MakeUpdate,
    layout: Layout,
    *,
    shared: Sequence[str] = (),
    replicas: int = 0,
) -> ParallelUpdate:
    """An update on the devices of a layout.

    Args:
      make: make(axis_name) is the update of one device; the axis is that of the devices
        which share rows, None where the compiler divides the work.
      layout: the devices, and the strategy.
      shared: names of the parts of a batch that have no rows (`Task.shared`).
      replicas: K, where everything has a leading axis of so many; 0: there is none. The
        devices then form gcd(K, devices) groups: a group has replicas of its own,
        shares the rows of each, and exchanges nothing with the others. By pmap there is
        one group.

    Returns:
      The update, with what moves states to the devices and back.
    """
    if layout.alone:
        # Donated: the new state takes the memory of the old one.
        compiled = jit(make(None), donate_argnums=0)
        return ParallelUpdate(compiled, _same, _same, compiled.lower)
    return STRATEGIES[layout.strategy](
        make, layout.devices, frozenset(shared), replicas
    )


def _same(state: TrainState) -> TrainState:
    return state


def _by_jit(
    make: MakeUpdate, devices: Devices, shared: frozenset[str], replicas: int
) -> ParallelUpdate:
    program = make(None)
    return _on_mesh(lambda mesh, specs: program, devices, shared, replicas)


def _by_shard_map(
    make: MakeUpdate, devices: Devices, shared: frozenset[str], replicas: int
) -> ParallelUpdate:
    program = make(ROWS)

    def build(mesh: Mesh, specs: Specs) -> Update:
        def update(state: TrainState, batch: Pytree, *others: jax.Array):
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


def _on_mesh(
    build: Callable[[Mesh, Specs], Update],
    devices: Devices,
    shared: frozenset[str],
    replicas: int,
) -> ParallelUpdate:
    """An update by jit on arrays that lie on a mesh [replicas, rows] of the devices."""
    # As many parts as divide the replicas evenly; what is left over splits rows.
    across = math.gcd(replicas, len(devices)) if replicas else 1
    grid = np.array(devices).reshape(across, -1)  # [replicas, rows]
    mesh = Mesh(grid, (REPLICAS, ROWS), axis_types=(AxisType.Auto, AxisType.Auto))
    # Replicas are an axis in front of a batch's rows, [K, B, ...].
    lead = (REPLICAS,) if replicas else ()

    def specs(batch: Pytree) -> Pytree:
        if batch is None:
            return P(*lead)
        rows = (
            P(*lead) if name in shared else P(*lead, ROWS) for name in batch._fields
        )
        return type(batch)(*rows)

    def lay(batch: Pytree) -> Pytree:
        """The parts of a batch on the devices, each of which gets only its rows."""
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
    compiled = jit(
        update,
        platform=devices[0].platform,
        out_shardings=(split, whole),
        donate_argnums=0,
    )
    # Replicas lie apart, so a process may lack some of them.
    gather = jax.jit(_same, out_shardings=whole)

    def place(state: TrainState) -> TrainState:
        state = _from_first(state, devices)
        return jax.jit(_same, out_shardings=split)(state)

    def lower(state: TrainState, batch: Pytree, *others: Pytree) -> jax.stages.Lowered:
        _check(batch, shared, len(lead), grid.shape[1])
        parts = [
            _shape(part, NamedSharding(mesh, spec))
            for part, spec in zip(batch, specs(batch), strict=True)
        ]
        state = jax.tree.map(lambda leaf: _shape(leaf, split), state)
        return compiled.lower(state, type(batch)(*parts), *map(_shape, others))

    return ParallelUpdate(
        lambda state, batch, *others: _settled(compiled(state, lay(batch), *others)),
        place,
        lambda state: _here(gather(state) if replicas else state),
        lower,
    )


def _by_pmap(
    make: MakeUpdate, devices: Devices, shared: frozenset[str], replicas: int
) -> ParallelUpdate:
    update, lead = make(ROWS), int(replicas > 0)  # the axis of rows
    local = [d for d in devices if d.process_index == jax.process_index()]
    first = devices.index(local[0])
    mesh = Mesh(np.array(local), (ROWS,), axis_types=(AxisType.Auto,))

    @functools.cache
    def program(kind: Pytree, others: int) -> Pytree:
        """The compiled update of a class of batches, with so many more arguments."""
        axes = kind(*(None if name in shared else lead for name in kind._fields))
        return jax.pmap(
            update,
            ROWS,
            in_axes=(None, axes, *[None] * others),
            out_axes=None,
            devices=devices,
        )

    def divided(name: str, part: np.ndarray) -> np.ndarray:
        """This process's rows [B, ...], or [K, B, ...], as [devices, b, ...]."""
        if name in shared:
            return part
        part = np.asarray(part)
        before, (rows, *rest) = part.shape[:lead], part.shape[lead:]
        # [B, ...] to [devices, B / devices, ...], neighbors on one device.
        each = part.reshape(*before, len(devices), rows // len(devices), *rest)
        # Local devices are neighbors in the list, so their rows are one slice.
        return each[(slice(None),) * lead + (slice(first, first + len(local)),)]

    def call(state: TrainState, batch: Pytree, *others: jax.Array) -> Pytree:
        """The compiled update, and what it is called with."""
        _check(batch, shared, lead, len(devices))
        parts = (divided(*pair) for pair in zip(batch._fields, batch, strict=True))
        return program(type(batch), len(others)), (state, type(batch)(*parts), *others)

    def run(*arguments: Pytree) -> tuple[TrainState, Sums]:
        compiled, parts = call(*arguments)
        return _settled(compiled(*parts))

    def lower(*arguments: Pytree) -> jax.stages.Lowered:
        compiled, parts = call(*arguments)
        return compiled.lower(*jax.tree.map(_shape, parts))

    def place(state: TrainState) -> TrainState:
        state = _from_first(state, devices)
        return jax.jit(_same, out_shardings=NamedSharding(mesh, P()))(state)

    return ParallelUpdate(run, place, _here, lower)


STRATEGIES = {"jit": _by_jit, "pmap": _by_pmap, "shard_map": _by_shard_map}


def _check(batch: Pytree, shared: frozenset[str], axis: int, devices: int) -> None:
    for name, part in zip(batch._fields, batch, strict=True):
        if name not in shared:
            check_rows(np.shape(part)[axis], devices, "the number of a batch's rows")


def _shape(array: Pytree, sharding: NamedSharding | None = None) -> Pytree:
    """The shape and dtype of an array."""
    dtype = jax.dtypes.canonicalize_dtype(array.dtype, allow_extended_dtype=True)
    return jax.ShapeDtypeStruct(np.shape(array), dtype, sharding=sharding)


def _settled(result: tuple[TrainState, Sums]) -> tuple[TrainState, Sums]:
    """What an update returned; waited for where CPUs compute it.

    Updates that are not waited for pile up, and the devices of one CPU (there are
    several with --xla_force_host_platform_device_count) block each other for good.
    """
    if next(iter(result[1].loss.devices())).platform == "cpu":
        return jax.block_until_ready(result)
    return result


def _here(state: TrainState) -> TrainState:
    """What all devices have alike, on the first of this process."""
    # Every device has all of it, so nothing is sent.
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), state)


def _from_first(state: TrainState, devices: Devices) -> TrainState:
    """The first process's bits of a state, on every process."""
    if processes.count() == 1:
        return state
    keys = jax.tree.map(_is_key, state)  # which have no bytes of their own
    bare = jax.tree.map(
        lambda x, key: jax.random.key_data(x) if key else x, state, keys
    )
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(bare)]
    # As bytes: one collective for leaves of all dtypes, and no rounding.
    message = np.frombuffer(b"".join(leaf.tobytes() for leaf in leaves), np.uint8)
    mesh = Mesh(np.array(devices), (ROWS,), axis_types=(AxisType.Auto,))

    def row(index: Pytree) -> np.ndarray:
        """Of the first process's first device the state, of the others zeros."""
        return (message if not index[0].start else np.zeros_like(message))[None]

    # The others may come minutes later, and the collective gives up after 30 s.
    processes.meet()
    each = jax.make_array_from_callback(
        (len(devices), len(message)), NamedSharding(mesh, P(ROWS)), row
    )
    # A sum over devices of which one has the numbers: a broadcast, bit for bit.
    total = jax.jit(
        lambda rows: rows.sum(axis=0, dtype=rows.dtype),
        out_shardings=NamedSharding(mesh, P()),
    )(each)
    received, at = np.asarray(total.addressable_data(0)).tobytes(), 0
    arrays = []
    for leaf in leaves:
        part = np.frombuffer(received, leaf.dtype, leaf.size, at)
        arrays.append(jax.numpy.asarray(part.reshape(leaf.shape)))
        at += leaf.nbytes
    bare = jax.tree.unflatten(jax.tree.structure(bare), arrays)
    return jax.tree.map(
        lambda x, old, key: (
            jax.random.wrap_key_data(x, impl=jax.random.key_impl(old)) if key else x
        ),
        bare,
        state,
        keys,
    )


def _is_key(leaf: jax.Array) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
