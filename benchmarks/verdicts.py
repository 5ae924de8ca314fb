"""What is found, refused and named: this project beside ``polygraphy run`` and PyTorch's verification, on one corpus.

    python benchmarks/verdicts.py [--every 18] [--seeds 2] [--only TEXT] [--all]

The files: public bug reports as ``suites/reports`` rebuilds them, each with its twin; faults planted in the project's
own models (float32, float16, 8 bits), and healthy versions of these. The gate judges with its defaults, or with the
limit that a report gives; in 8 bits all that know an SQNR get one that the healthy conversion passes by 3 dB. What is
not installed has no column. Exits with 1 where a report is judged wrongly or a healthy version is refused.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mutation_score import mute
from verdicts_corpus import Pair, pairs
from verdicts_tools import TOOLS, Said, installed, node_of, sides

HERE = "this project"


class Table:
    """Counts by family and tool."""

    def __init__(self, tools: Iterable[str]) -> None:
        self.tools = [HERE, *tools]
        self.counts: dict[str, dict[str, Counter[str]]] = {}
        self.sizes: dict[str, Counter[str]] = {}
        self.accused = self.to_accuse = 0

    def add(self, pair: Pair, tool: str, different: bool, named: bool) -> None:
        """Count what *tool* says of *pair*: that both sides are different, and that it names the right place."""
        rows = self.counts.setdefault(pair.family, {name: Counter() for name in self.tools})
        rows[tool].update(found=pair.bad and different, refused=not pair.bad and different, named=pair.bad and named)
        if tool == HERE:
            self.sizes.setdefault(pair.family, Counter()).update(bad=pair.bad, healthy=not pair.bad)

    def lines(self) -> list[str]:
        """The table, in Markdown: a cell is found / refused / right place named."""
        made = [f"| files | faults | healthy | {' | '.join(self.tools)} |", "| --- " * (len(self.tools) + 3) + "|"]
        total, sizes = {name: Counter[str]() for name in self.tools}, Counter[str]()
        for family, rows in self.counts.items():
            made.append(self._line(family, self.sizes[family], rows))
            sizes.update(self.sizes[family])
            for name in self.tools:
                total[name].update(rows[name])
        return [*made, self._line("all", sizes, total)]

    def _line(self, name: str, sizes: Counter[str], rows: dict[str, Counter[str]]) -> str:
        cells = [f"{row['found']} / {row['refused']} / {row['named']}" for row in (rows[tool] for tool in self.tools)]
        return f"| {name} | {sizes['bad']} | {sizes['healthy']} | {' | '.join(cells)} |"


def compared(chosen: Iterable[Pair], tools: Iterable[str], table: Table, everything: bool) -> tuple[int, list[str]]:
    """Judge *chosen* by all: how many are judged wrongly here, and lines about these, or about each."""
    wrong, lines = 0, []
    for pair in chosen:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            result = pair.judge(folder)
            right, named = pair.right(result)
            table.add(pair, HERE, result.verdict.value == "failed", bool(named))
            if pair.crooked and pair.report and pair.report.wrong:
                table.to_accuse += 1
                table.accused += tuple(result.figures.get("blame", {}).get("wrong", ())) == pair.report.wrong
            wrong += not right and (pair.report is not None or not pair.bad)
            both = sides(pair, folder)
            said = {tool: TOOLS[tool][1](both, folder) if both else Said(None) for tool in tools}
            for tool, one in said.items():
                table.add(pair, tool, one.equal is False, both is not None and _right_place(pair, one, both.paths[0]))
        if everything or not right or named is False:
            words = {True: "equal", False: "different", None: "does not run"}
            others = ", ".join(f"{tool} {words[one.equal]}" for tool, one in said.items())
            lines.append(f"{pair.family}: {pair.name}: {_how(right, named)}: {result}; {others}")
    return wrong, lines


def _how(right: bool, named: bool | None) -> str:
    return "WRONG" if not right else "right, and its node not named" if named is False else "right"


def _right_place(pair: Pair, said: Said, path: str) -> bool:
    if not said.place:
        return False
    told = [name for name in (said.place, node_of(path, said.place)) if name]
    return any(name == node or f"'{name}'" in node for name in told for node in pair.nodes)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=18, help="of so many faults of the own models, one")
    parser.add_argument("--seeds", type=int, default=2, help="seeds of weights of the healthy versions")
    parser.add_argument("--only", default="", help="pairs whose family or name has this in it")
    parser.add_argument("--all", action="store_true", help="a line for each pair, not only for what is wrong")
    chosen = parser.parse_args(arguments)
    versions = installed()
    table = Table(versions)
    print("beside:", ", ".join(f"{name} ({version})" for name, version in versions.items()) or "nothing is installed")
    with tempfile.TemporaryDirectory() as name, mute():
        wanted = (p for p in pairs(Path(name), chosen.every, chosen.seeds) if chosen.only in f"{p.family}: {p.name}")
        wrong, lines = compared(wanted, versions, table, chosen.all)
    print("\n".join([*lines, "", "found / refused / right place named:", "", *table.lines()]))
    accused = f"{table.accused} of {table.to_accuse}"
    print(f"\none file in two engines, and the wrong one accused: {accused}; the others accuse none")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
