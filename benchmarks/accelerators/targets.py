"""Accelerators that programs are compiled for on a machine that has none.

XLA's own compilers for CUDA and TPU run without a device: they need what
requirements.txt lists (`make accelerators` installs it into .venv-accelerators), and a
description of the device. Nothing is executed, so the result shows that a program
compiles, what memory it takes, and which kernels and collectives it launches. It shows
no speed.
"""

import functools
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

# Both compilers read these when they load, so they are set before JAX is imported.
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "JAX_PLATFORMS": "cpu",  # what is computed here: batches, and first states
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_SKIP_CUDA_CONSTRAINTS_CHECK": "1",
        "TPU_SKIP_MDS_QUERY": "1",  # no metadata server of a cloud is asked
        "TPU_ACCELERATOR_TYPE": "v5litepod-4",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # several processes may compile at once
    }
)

# As XLA describes an H200 to itself.
H200 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32
  shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 4800000000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 149000000000 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 7 }
runtime_version { major: 12 minor: 8 patch: 0 }
device_description_str: "NVIDIA H200"
"""


class Target(NamedTuple):
    """An accelerator to compile for.

    platform: JAX's name of its compiler. backend: JAX's name of the device. topologies:
    by the number of devices, the arguments of `get_topology_desc` for so many. options:
    of XLA's compiler.
    """

    platform: str
    backend: str
    topologies: Mapping[int, Mapping[str, str]]
    options: Mapping[str, Any]


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "h200": Target(
            "cuda",
            "gpu",
            {n: {"topology": f"1x1x{n}", "target_config": H200} for n in (1, 8)},
            # There is no device to try kernels on: XLA takes its first choice of each.
            {"xla_gpu_autotune_level": 0, "xla_gpu_enable_triton_gemm": False},
        ),
        "v5e": Target(
            "tpu",
            "tpu",
            {1: {"topology_name": "v5e:2x2"}, 8: {"topology_name": "v5e:2x4"}},
            {},
        ),
    }
)


def prepare_environment() -> None:
    """Set the environment variables of both compilers, before JAX is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@functools.cache
def devices_of(name: str, count: int = 1) -> tuple[Any, ...]:
    """The described devices of a target, which compile and do nothing else.

    Args:
      name: one of TARGETS.
      count: how many, 1 or 8.

    Returns:
      So many devices.
    """
    from jax.experimental import topologies

    target = TARGETS[name]
    described = topologies.get_topology_desc(
        platform=target.platform, **target.topologies[count]
    )
    return tuple(described.devices[:count])


def compile_for(
    name: str,
    function: Callable[..., Any],
    *arguments: Any,
    donate: tuple[int, ...] = (),
) -> Any:
    """A function compiled for one device of a target.

    Args:
      name: one of TARGETS.
      function: of arrays, not yet compiled.
      arguments: pytrees of arrays, or of their shapes and dtypes.
      donate: numbers of the arguments whose memory the results may take.

    Returns:
      The compiled program (`jax.stages.Compiled`).
    """
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from attnlab.nn.launches import launching

    mesh = Mesh(np.array(devices_of(name)), ("device",))
    there = NamedSharding(mesh, PartitionSpec())
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=there), arguments
    )
    # As on the device itself, and not as on this CPU.
    with launching(TARGETS[name].backend):
        lowered = jax.jit(function, donate_argnums=donate).lower(*shapes)
    return compile_lowered(name, lowered)


def compile_lowered(name: str, lowered: Any) -> Any:
    """A lowered program compiled for the devices of a target.

    Args:
      name: one of TARGETS.
      lowered: for some of its devices (`jax.stages.Lowered`).

    Returns:
      The compiled program (`jax.stages.Compiled`).
    """
    return lowered.compile(dict(TARGETS[name].options))
