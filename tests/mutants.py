"""Mutation testing: would the tests notice if a module that judges requests were wrong?

    tox run -e mutants                      # all mutants, and the score
    tox run -e mutants -- _match.py         # those of some modules
    tox run -e mutants -- --sample 40       # a few, always the same, as CI does

The mutants are mutmut's, each a single small change of the source. Its own runner puts functions in
wrappers, which the tests that count steps see, and leaves out what stands outside of functions; so
here each mutant is imported instead, in a fork of a process that has imported all but corsgate.
tests/mutants.txt explains those that no test can notice. Anything else that survives is an error.
"""

import argparse
import ast
import gc
import hashlib
import importlib.util
import os
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest

# What corsgate and its tests import; a fork then has it already.
import asyncio, cachetools, idna, publicsuffixlist, wsgiref.validate  # noqa: E401, F401, I001

TESTS = Path(__file__).parent
EXPLAINED = TESTS / "mutants.txt"

# Module -> the files of its tests, which stop at the first failure: the likeliest first.
MODULES = {
    "_match.py": "test_match test_origin test_callables",
    "_paths.py": "test_paths test_routes_wsgi test_reconfigure test_errors",
    "policy.py": "test_policy test_check test_settings test_risk test_errors",
    "_engine.py": "test_engine test_cases test_wsgi test_denials",
}


@dataclass(frozen=True)
class Mutant:
    """`name`: the module, the function and the changed lines, which line numbers do not change."""

    module: str
    name: str
    source: str


def package() -> Path:
    spec = importlib.util.find_spec("corsgate")  # finds it, and does not import it
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    import libcst
    from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
    from mutmut.mutation.file_mutation import MutationVisitor
    from mutmut.mutation.mutators import mutation_operators
    from mutmut.mutation.pragma_handling import IgnoredCode

    wrapper = MetadataWrapper(libcst.parse_module(source))
    spans = wrapper.resolve(ByteSpanPositionProvider)
    positions = wrapper.resolve(PositionProvider)
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    tree = ast.parse(source)
    for_types = lines_for_types(tree)
    text = source.encode()
    seen: Counter[str] = Counter()
    for mutation in visitor.mutations:
        node = mutation.original_node
        line = positions[node].start.line
        if line in for_types:
            continue
        start, stop = spans[node].start, spans[node].start + spans[node].length
        new = wrapper.module.code_for_node(mutation.mutated_node).encode()
        mutated = (text[:start] + new + text[stop:]).decode()
        name = "\n".join([f"{module} {place(tree, line)}".rstrip(), *changes(source, mutated)])
        seen[name] += 1
        if seen[name] > 1:  # the same line once more in that function
            first, rest = name.split("\n", 1)
            name = f"{first} #{seen[name]}\n{rest}"
        yield Mutant(module, name, mutated)


def lines_for_types(tree: ast.Module) -> set[int]:
    """What type checkers alone see."""
    lines: set[int] = set()
    for node in tree.body:
        names = ast.walk(node.test if isinstance(node, ast.If) else node)
        if isinstance(node, (ast.If, ast.Assign)) and any(
            isinstance(name, ast.Name) and name.id == "TYPE_CHECKING" for name in names
        ):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def place(tree: ast.Module, line: int) -> str:
    """`Class.function` around a line; "" outside of all."""
    names: list[str] = []
    body: Sequence[ast.stmt] = tree.body
    while True:
        for node in body:
            is_named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
            if is_named and node.lineno <= line <= (node.end_lineno or 0):
                names.append(node.name)
                body = node.body
                break
        else:
            return ".".join(names)


def changes(old: str, new: str) -> list[str]:
    """The lines that differ, whatever their indentation: "- was", "+ is"."""
    was, now = ([" ".join(line.split()) for line in text.splitlines()] for text in (old, new))
    for end in (0, -1):
        while was and now and was[end] == now[end]:
            del was[end], now[end]
    return [*(f"- {line}" for line in was), *(f"+ {line}" for line in now)]


def explained() -> dict[str, str]:
    """Name -> why no test can notice it. Blocks of a name and a line with "= why"."""
    found: dict[str, str] = {}
    for block in EXPLAINED.read_text().split("\n\n"):
        lines = [line for line in block.strip().splitlines() if not line.startswith("#")]
        if lines:
            assert lines[-1].startswith("= "), f"{EXPLAINED.name}: no reason below {lines}"
            found["\n".join(lines[:-1])] = lines[-1].removeprefix("= ")
    return found


class Mutated(MetaPathFinder, SourceFileLoader):
    """Imports a module from another source than its file's."""

    def __init__(self, path: Path, source: str) -> None:
        super().__init__(f"corsgate.{path.stem}", str(path))
        self.source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


def prepare() -> None:
    """Do all that the forks would each have to do."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = False
    sys.pycache_prefix = tempfile.mkdtemp()
    pytest.main(["--version"])  # imports its own plugins
    gc.collect()
    gc.freeze()


class StopAtFailure:
    """As `-x`, but at once."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os._exit(1)


def start(path: Path, source: str, test: str, seconds: int) -> int:
    """Run a file of tests on the module as `source` has it, in a process of its own."""
    pid = os.fork()
    if pid:
        return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    # A mutant may loop, wait or grow for ever.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(20 * seconds)
    sys.meta_path.insert(0, Mutated(path, source))
    status = 1
    try:
        arguments = ["-q", "--assert=plain", "-p", "no:cacheprovider", str(TESTS / f"{test}.py")]
        status = int(pytest.main(arguments, plugins=[StopAtFailure()]))
    finally:
        os._exit(status)


def survivors(mutants: Sequence[Mutant], folder: Path, jobs: int, seconds: int) -> list[Mutant]:
    found: list[Mutant] = []
    # With what is left of the files of tests: the next one has to find what one does not.
    waiting = [(mutant, MODULES[mutant.module].split()) for mutant in reversed(mutants)]
    running: dict[int, tuple[Mutant, list[str]]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, (test, *tests) = waiting.pop()
            running[start(folder / mutant.module, mutant.source, test, seconds)] = mutant, tests
        pid, status = os.wait()
        mutant, tests = running.pop(pid)
        if status == 0 and tests:
            waiting.append((mutant, tests))
        elif status == 0:
            found.append(mutant)
            print(f"\n{mutant.name}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation testing of corsgate.")
    parser.add_argument("modules", nargs="*", default=[*MODULES], help="default: all of them")
    parser.add_argument("--sample", type=int, help="how many mutants to test; default: all")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--seconds", type=int, default=90, help="of CPU time for each at most")
    options = parser.parse_args()
    os.nice(10)
    prepare()
    folder = package()
    sources = {module: (folder / module).read_text() for module in options.modules}
    mutants = [each for module in sources for each in mutants_of(module, sources[module])]
    known = {
        name: why for name, why in explained().items() if name.split(maxsplit=1)[0] in sources
    }
    errors = [f"explained, but there is no such mutant:\n{name}" for name in known]
    errors = [error for error in errors if error.split("\n", 1)[1] not in {m.name for m in mutants}]
    chosen = mutants
    if options.sample:
        chosen = [mutant for mutant in mutants if mutant.name not in known]
        chosen.sort(key=lambda mutant: hashlib.sha256(mutant.name.encode()).digest())
        del chosen[options.sample :]
    # What nobody has changed passes, or none of the rest says anything.
    unchanged = [Mutant(module, module, sources[module]) for module in sources]
    if len(survivors(unchanged, folder, options.jobs, options.seconds)) < len(unchanged):
        errors.append("some tests fail without any change")
    found = {each.name for each in survivors(chosen, folder, options.jobs, options.seconds)}
    errors += [f"survives:\n{name}" for name in sorted(found - known.keys())]
    return report(chosen, found, known, errors)


def report(
    chosen: Sequence[Mutant], found: set[str], known: dict[str, str], errors: list[str]
) -> int:
    print()
    rows = [(module, [m for m in chosen if m.module == module]) for module in MODULES]
    for title, mutants in [*rows, ("all", list(chosen))]:
        names = {mutant.name for mutant in mutants}
        if not names:
            continue
        killed = len(names - found)
        equivalent = len(names & found & known.keys())
        score = 100 * killed / ((len(names) - equivalent) or 1)
        print(
            f"{title:12} {len(names):5} mutants {killed:5} killed {equivalent:4} explained"
            f" {len(names) - killed - equivalent:4} survive   score {score:.1f} %"
        )
    print(*errors, sep="\n\n")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
