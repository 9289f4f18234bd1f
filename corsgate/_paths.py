"""`paths`: which policy applies to a path, before any view is known."""

from __future__ import annotations

from ._check import is_list
from ._nested import NOT_GIVEN, NotGiven, closed_between, leave
from ._problems import problem
from ._sources import application_source, build, check_source
from .errors import PolicyError, Problem
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ._nested import Source


_MOST_KNOWN, _LONGEST_KNOWN = 1024, 256  # paths, and characters of each


class PathRules:
    """`paths` and the application's own source: path -> source.

    A pattern is a path, or a path and `/*`, which covers that path and all below it on whole
    segments. Exact beats prefix, and the longest prefix wins. Paths are compared as they come:
    case counts, and nothing is decoded or resolved a second time (that is the router's to do).
    """

    __slots__ = (
        "_covers",
        "_cuts",
        "_exact",
        "_known",
        "_prefixes",
        "_root",
        "application",
        "only_policy",
    )

    def __init__(
        self,
        application: Source,
        rules: Iterable[tuple[str, Source]] = (),
        covers: Callable[[str], object] | None = None,
    ) -> None:
        """`covers`: for which paths the application's source is meant; hands off elsewhere."""
        self.application: Source = application
        self._covers = covers
        self._known: dict[str, Source] = {}  # by PATH_INFO, for `find_encoded`
        self._exact: dict[str, Source] = {}
        self._prefixes: dict[str, Source] = {}
        for pattern, source in rules:
            table = self._prefixes if pattern.endswith("/*") else self._exact
            table[pattern.removesuffix("/*")] = source
        alone = not (self._exact or self._prefixes or covers)
        # The policy of every path, where there is just one.
        only = application if alone and isinstance(application, Policy) else None
        self.only_policy: Policy | None = only
        # Segment -> (the source of the longest prefix up to there, or NOT_GIVEN; what is below).
        tree: dict[str, tuple[Any, dict[str, Any]]] = {"": (NOT_GIVEN, {})}
        # A prefix sorts before what is below it, which inherits.
        for prefix in sorted(self._prefixes):
            inherited, below = NOT_GIVEN, tree
            *parents, last = prefix.split("/")
            for segment in parents:
                inherited, below = below.setdefault(segment, (inherited, {}))
            below[last] = self._prefixes[prefix], {}
        self._root = tree[""]  # all prefixes begin with a slash
        # No more segments than some prefix has: a client may send thousands.
        self._cuts = 1 + max((prefix.count("/") for prefix in self._prefixes), default=-1)

    def sources(self) -> list[Source]:
        return [self.application, *self._exact.values(), *self._prefixes.values()]

    def patterns(self) -> dict[str, Source]:
        """The rules as they were given: exact paths, and those that end in `/*`."""
        prefixes = {f"{prefix}/*": source for prefix, source in self._prefixes.items()}
        return {**self._exact, **prefixes}

    def pattern_of(self, source: Source) -> str | None:
        """The first path that this very source is for."""
        return next((path for path, found in self.patterns().items() if found is source), None)

    def pattern_for(self, path: str) -> str | None:
        """The one of `patterns` that decides about a path, if any does."""
        found = [pattern for pattern in self.patterns() if covers(pattern, path)]
        return max(
            found, key=lambda pattern: (not pattern.endswith("/*"), len(pattern)), default=None
        )

    def find_encoded(self, path_info: str) -> Source:
        """The source for a WSGI `PATH_INFO`.

        To cut a path into segments costs half as much as all else that is done about a request, so
        what was found for the last paths is kept: to look it up takes a quarter of that.
        """
        source: Any = self._known.get(path_info, NOT_GIVEN)
        if source is NOT_GIVEN:
            # The question spares a call; hardly any path has to be decoded.
            plain = path_info or "/"  # some callers have None where there is no path
            source = self.find(plain if plain.isascii() else decode_path(plain))
            # Anybody can make up paths: what they push out is found again when needed.
            if len(plain) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[path_info] = source
        return source  # type: ignore[no-any-return]

    def find(self, path: str) -> Source:
        """The source for a decoded path."""
        if self.only_policy is not None:
            return self.only_policy
        source: Any = NOT_GIVEN
        # The first question spares the second one, for which a new string has to be hashed.
        if self._exact and path in self._exact:
            source = self._exact[path]
        else:
            segments = path.split("/", self._cuts)
            if not segments[0]:
                source, below = self._root
                # Not a loop over the segments, of which a path has more than most prefixes.
                at = 1
                while below and at < len(segments):
                    node = below.get(segments[at])
                    if node is None:
                        break
                    source, below = node
                    at += 1
            if source is NOT_GIVEN:
                meant = not self._covers or self._covers(path)
                source = self.application if meant else leave(self.application)
        # An application may resolve these. A browser sends the dots only with an encoded slash.
        if "//" in path or "/." in path:
            resolved = resolve(path)
            if resolved != path and (other := self.find(resolved)) != source:
                return closed_between(source, other, self.application)
        found: Source = source
        return found


def covers(pattern: str, path: str) -> bool:
    """Whether one pattern of `paths` is about a path."""
    base = pattern.removesuffix("/*")
    return path == base or (pattern.endswith("/*") and path.startswith(f"{base}/"))


def resolve(path: str) -> str:
    """RFC 3986, section 5.2.4, "Remove Dot Segments", and repeated slashes taken for one."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    end = "/" if path.endswith(("/", "/.", "/..")) and segments else ""
    return "/" + "/".join(segments) + end


def decode_path(path_info: str) -> str:
    """A WSGI `PATH_INFO` as text, decoded once: UTF-8 in latin-1's clothes (PEP 3333)."""
    if path_info.isascii():
        return path_info or "/"
    return path_info.encode("latin-1", "replace").decode("utf-8", "replace")


def compile_paths(application: Source, paths: object, problems: list[Problem]) -> dict[str, Source]:
    """The rules in `paths`, checked.

    :param application: what options in `paths` inherit from.
    :param paths: a mapping, or a sequence of pairs, of patterns to a policy source or a mapping of
        options; or None.
    :param problems: what is wrong is added here.
    """
    rules: dict[str, Source] = {}
    for pattern, value in _pairs(paths, problems):
        if not isinstance(pattern, str):
            problems.append(
                problem(
                    "wrong-type", "paths", pattern, what="string", fix="a path such as '/api/*'"
                )
            )
        elif (path := _literal(pattern)) in rules:
            problems.append(problem("path-repeated", "paths", pattern))
        elif path == pattern and (fault := _find_fault(pattern)):
            problems.append(problem(fault, "paths", pattern, fix=_fix(pattern, fault)))
        else:
            rules[path] = _source(application, value, f"paths[{pattern!r}]", problems)
    return rules


def recompile(policy: object, options: Mapping[str, Any], paths: object) -> PathRules:
    """The rules for `reconfigure`, of the same `paths`.

    :raises TypeError: with neither policy nor options.
    :raises PolicyError: with every problem.
    """
    if isinstance(policy, NotGiven) and not options:
        raise TypeError(
            "reconfigure() takes a policy or options: write reconfigure(Policy(...)),"
            ' reconfigure(None) or reconfigure(allow_origins="https://app.example.com").'
        )
    problems: list[Problem] = []
    source = application_source(policy, options, problems)
    rules = compile_paths(source, paths, problems)
    if problems:
        raise PolicyError(problems)
    return PathRules(source, rules.items())


def _pairs(paths: object, problems: list[Problem]) -> list[tuple[Any, Any]]:
    if paths is None:
        return []
    listed: Any = paths.items() if hasattr(paths, "items") else paths
    if is_list(listed):
        pairs = list(listed)
        if all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            return [(pattern, value) for pattern, value in pairs]
    fix = "{'/api/*': {...}, '/health': None}"
    problems.append(problem("wrong-type", "paths", paths, what="mapping of paths", fix=fix))
    return []


# Shapes that rules of routers have, and regular expressions, but hardly any path: the characters
# alone say nothing, since a decoded path may have all of them.
_SHAPES = (
    r"(?P<parameter><(?:\w+(?:\([^()]*\))?:)?\w+>|\{[A-Za-z_]\w*(?::[^{}]*)?\}"
    r"|(?<=/):[A-Za-z_]\w*(?![^/]))"
    r"|(?P<regex>^\^|\$$|\\|\(*\.\*|\(*\.\+(?![^/$)?])|\(\?|\([^()]*\|[^()]*\)"
    r"|\[\^|\[[^][]*(?:0-9|a-z|A-Z)[^][]*\])"
)
_ENCODED = r"%[0-9A-Fa-f]{2}"


def _find_fault(pattern: str) -> str | None:
    """Why no path is ever matched by `pattern`: a code of `errors.CODES`, or None."""
    import re  # whoever starts an application has it loaded

    base = pattern.removesuffix("/*")
    if shape := re.search(_SHAPES, base):
        return f"path-{shape.lastgroup}"
    if not pattern.startswith("/") or not set("*?#").isdisjoint(base):
        return "path-invalid"
    if re.search(_ENCODED, base):
        return "path-encoded"
    segments = base.split("/")[1:]
    # An exact path may end in a slash.
    inner = segments if base != pattern else segments[:-1]
    return "path-segment" if "" in inner or not {".", ".."}.isdisjoint(segments) else None


def _literal(pattern: str) -> str:
    """The pattern decoded, if that is the only way to write it: "/%3Cid%3E" is the path "/<id>"."""
    from urllib.parse import unquote

    base = pattern.removesuffix("/*")
    decoded = unquote(base)
    if _find_fault(pattern) != "path-encoded" or decoded.endswith("/*"):
        return pattern
    if _find_fault(decoded) in (None, "path-segment"):
        return pattern
    return decoded + pattern[len(base) :]


def _fix(pattern: str, fault: str) -> str:
    from urllib.parse import quote

    meant = _correct(pattern)
    fix = repr(meant) if meant else "each path, or a prefix that ends in /*"
    base = pattern.removesuffix("/*")
    encoded = quote(base) + pattern[len(base) :]
    if fault in ("path-invalid", "path-segment") or _literal(encoded) != pattern:
        return fix
    return f"{fix}, or {encoded!r} for that very path"


def _correct(pattern: str) -> str | None:
    """The path or prefix that was probably meant, if that can be told."""
    import re
    from urllib.parse import unquote

    text = pattern.strip().removeprefix("^")
    if "://" in text and not text.startswith("/"):
        text = text.partition("://")[2].partition("/")[2]
    # What is no regular expression to its end has more behind it.
    is_open = pattern.startswith("^") and not text.endswith("$")
    # An escaped dot is the dot itself.
    text = re.sub(r"\\(\W)", r"\1", "/" + text.removesuffix("$").lstrip("/"))
    base = text.removesuffix("/*")
    is_prefix = is_open or base != text
    mark = re.search(rf"{_SHAPES}|\*", base)
    if mark:
        is_prefix, base = True, base[: mark.start()]
        if mark[0].lstrip("(") not in (".*", ".+", "*"):
            base = base.rpartition("/")[0]
            if not base:
                return None  # "/*" would be far more than what was meant
    base = resolve(unquote(base.partition("?")[0].partition("#")[0]))
    corrected = base.rstrip("/") + "/*" if is_prefix else base
    return corrected if "*" not in base and _find_fault(corrected) is None else None


def _source(application: Source, value: object, place: str, problems: list[Problem]) -> Source:
    if hasattr(value, "items"):
        return build(dict(value.items()), problems, application, f"{place}.")
    if value is None:
        return leave(application)
    fault = check_source(value, place)
    if fault is None:
        return value  # type: ignore[return-value]  # check_source has just said so
    problems.append(fault)
    return application
