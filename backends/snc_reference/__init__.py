"""The reference backend: NumPy, float64, node by node. Slow and obvious, it judges the others."""

from __future__ import annotations

from dataclasses import dataclass

from snc.codegen.kernel import KernelSource
from snc.module import Feed, Outcome, Store
from snc.program.program import Program
from snc_reference.interpret import Sequence


@dataclass(frozen=True)
class ReferenceModule:
    """A program that is interpreted."""

    program: Program

    def learn(self, store: Store, feed: Feed, *, gradients: bool = False) -> Outcome:
        """Run one sequence with learning."""
        graph = self.program.learn or self.program.evaluate
        return Sequence(graph, store, feed).run(learn=True, gradients=gradients)

    def evaluate(self, store: Store, feed: Feed) -> Outcome:
        """Run one sequence without learning."""
        return Sequence(self.program.evaluate, store, feed).run(learn=False, gradients=False)

    def memory(self, steps: int, batch: int) -> int:
        """Bytes of one step's values, times the steps if a sweep against time reads them again."""
        graph = self.program.learn or self.program.evaluate
        total = 0
        for node in graph.nodes:
            count = 1
            for axis in node.axes:
                count *= axis.size or batch
            total += 8 * count
        return total * (steps if any(s.ahead for s in graph.states) else 1)


@dataclass(frozen=True)
class ReferenceBackend:
    """Interprets the graphs of a program as they are."""

    name: str = "reference"
    dtypes: tuple[str, ...] = ("float64",)

    def unavailable(self) -> str | None:
        """It always runs."""
        return None

    def emit(self, program: Program) -> KernelSource:
        """The graphs as text; nothing is generated."""
        memory = ReferenceModule(program).memory
        return KernelSource(program.name, program.text(), program, memory)

    def load(self, kernel: KernelSource) -> ReferenceModule:
        """An interpreter of the program."""
        return ReferenceModule(kernel.program)


backend = ReferenceBackend()
