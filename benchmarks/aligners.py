"""Draw AER against processor seconds: docs/figures/aligners.png.

    python -m experiments.evaluate --run=... --baseline=eflomal,... --out=evaluation.tsv
    python -m benchmarks.aligners evaluation.tsv --gold=odd224 --own=620

The table of `experiments.evaluate` has the seconds of other aligners, both directions
together. A run keeps the clock's seconds alone; --own is what training one took by
`time`, user and sys. An average of three runs takes three times that. Links of files
have no time, and are left out.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from attnlab.tasks.alignment.compare import own_links

FIGURE = Path(__file__).resolve().parents[1] / "docs" / "figures" / "aligners.png"
OWN = "attnlab"
DIRECTIONS = ("forward", "backward")
AVERAGED = re.compile(r"(\d+) averaged")


def points(table: pd.DataFrame, own: float) -> Mapping[str, pd.DataFrame]:
    """The ways of each aligner that has a time, with it.

    Args:
      table: of one gold set.
      own: processor seconds of a run.

    Returns:
      By aligner: its rows, with columns way, aer and seconds.
    """
    named = table["links"].str.rsplit(", ", n=1, expand=True).reindex(columns=[0, 1])
    ours = named[1].isna() & named[0].isin([*own_links([], 0.5)])
    runs = named[1].str.extract(AVERAGED, expand=False).astype(float)
    seconds = table["seconds"].fillna(own * runs).mask(ours, own)
    rows = pd.DataFrame({"way": named[0], "aer": table["aer"], "seconds": seconds})
    whose = (
        named[1].mask(runs.notna(), f"{OWN}, " + named[1].fillna("")).mask(ours, OWN)
    )
    rows, whose = rows[seconds.notna()], whose[seconds.notna()]
    return {name: part for name, part in rows.groupby(whose)}


def draw(by_aligner: Mapping[str, pd.DataFrame]) -> Figure:
    """Both directions of each aligner, and its best way to join them.

    Args:
      by_aligner: of `points`.

    Returns:
      The figure.
    """
    figure, axes = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
    for color, (name, rows) in enumerate(by_aligner.items()):
        single = rows[rows["way"].isin(DIRECTIONS)]
        joined = rows[~rows["way"].str.startswith(DIRECTIONS)]
        best = joined.loc[joined["aer"].idxmin()]
        edges = {"edgecolors": f"C{color}", "s": 36}
        axes.scatter(single["seconds"], single["aer"], facecolors="none", **edges)
        axes.scatter([best["seconds"]], [best["aer"]], color=f"C{color}", s=36)
        axes.annotate(
            f"{name}: {best['aer']:.3f}\n{best['way']}",
            (best["seconds"], best["aer"]),
            textcoords="offset points",
            xytext=(7, -4),
            fontsize=7.5,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(bottom=0)
    axes.margins(x=0.5)
    axes.set_xlabel("seconds of the processor, both directions")
    axes.set_ylabel("AER (0 is perfect)")
    axes.set_title("hollow: one direction; filled: both, joined best", fontsize=9)
    return figure


def main() -> None:
    """Read the table and write the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="of experiments.evaluate --out")
    parser.add_argument("--gold", required=True, help="the gold set")
    parser.add_argument("--own", type=float, required=True, help="seconds of a run")
    parser.add_argument("--out", type=Path, default=FIGURE, help="a .png")
    options = parser.parse_args()
    table = pd.read_csv(options.table, sep="\t")
    table = table[table["gold"] == options.gold].reset_index(drop=True)
    draw(points(table, options.own)).savefig(options.out, dpi=150)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
