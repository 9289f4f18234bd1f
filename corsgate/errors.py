"""What can be wrong with a configuration: `Problem`, `PolicyError` and the table of codes."""

from __future__ import annotations

from ._record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CODES", "RELAXABLE", "PolicyError", "Problem"]

# Stable code -> what is wrong, and what to do. `{value}` is the offending value, `{what}` and
# `{fix}` come from the place that finds it; a fix that the hint does not mention replaces it.
# Three words, never mixed: invalid (malformed), forbidden (the standard says no), prohibited
# (corsgate says no).
CODES = {
    # Origins, invalid: no browser ever sends such an Origin.
    "origin-empty": ("{value} is empty.", "Leave it out; an empty list allows no origin."),
    "origin-white-space": ("{value} has white space in it.", "Write the origin alone."),
    "origin-several": (
        "{value} is several origins in one string.",
        "Write each origin as a string of its own.",
    ),
    "origin-regex": (
        "{value} looks like a regular expression, and a plain string never is one.",
        "Write re.compile(...) around it.",
    ),
    "origin-no-scheme": ("{value} has no scheme.", "Write https:// or http:// in front."),
    "origin-scheme": (
        "{value} has a scheme that no page's origin has.",
        "Write the origin that the browser's console shows.",
    ),
    "origin-user-info": ("{value} has a user name in it.", "Write scheme, host and port only."),
    "origin-path": (
        "{value} has a slash or path after the host and port: an origin ends before that.",
        "Write scheme, host and port only.",
    ),
    "origin-upper-case": ("{value} is not in lower case.", "Browsers send lower case only."),
    "origin-non-ascii": (
        "{value} has a host name that is not in its ASCII form.",
        "Copy it from the address bar of a browser that shows the page.",
    ),
    "origin-punycode": (
        "{value} has an xn-- label that no browser accepts.",
        "Copy it from the address bar of a browser that shows the page.",
    ),
    "origin-host": (
        "{value} has no host, or a character in it that no host has.",
        "Write scheme, host and port only.",
    ),
    "origin-empty-label": ("{value} has an empty label in its host.", "Take out the extra dot."),
    "origin-ipv4": (
        "{value} has a numeric host that is not four plain decimal numbers.",
        "Write an address such as 192.0.2.1.",
    ),
    "origin-ipv6": (
        "{value} has an IPv6 address that is not closed, valid and in its shortest form.",
        "Write an address such as [::1].",
    ),
    "origin-port": (
        "{value} has a port that is not one number from 1 to 65535.",
        "Write one port, or :* for any.",
    ),
    "origin-default-port": (
        "{value} names the default port of its scheme, which browsers leave out.",
        "Take out the port.",
    ),
    "origin-too-long": (
        "{value} has a scheme of over 64 or a host of over 253 bytes.",
        "No browser sends such an origin: take it out.",
    ),
    "origin-wildcard": (
        "{value} has a * where none can stand{what}.",
        (
            "It can be the first label of a host (https://*.example.com), a part of that label"
            " (https://pr-*.example.com) or the port (http://localhost:*); '*' alone is any origin."
        ),
    ),
    # Origins, prohibited.
    "wildcard-mixed": (
        "{value} allows every origin, so {what} beside it means nothing.",
        "Keep '*' alone, or take it out.",
    ),
    # Origins, prohibited with credentials, and for writing where a gate is on; relaxable.
    "insecure-origin": (
        "{value} {what}: whoever is on the network can speak for an http page.",
        "Write {fix}, or accept it with dangerously_allow=['insecure-origin'].",
    ),
    "public-suffix": (
        "{value} {what}: anybody can get a host that it covers.",
        "Name the hosts, or accept it with dangerously_allow=['public-suffix'].",
    ),
    "null-origin": (
        "{value} {what}: any site can take that origin in a sandboxed frame.",
        "Take it out, or accept it with dangerously_allow=['null-origin'].",
    ),
    # The same; never relaxable.
    "wildcard-credentials": (
        "{value} cannot be combined with credentials: every site could act as the user.",
        "Name the origins, or set allow_credentials=False here.",
    ),
    "regex-too-broad": (
        "{value} {what}.",
        (
            r"Escape each dot (\.) and spell out the domain, or use a pattern such as"
            " 'https://*.example.com'."
        ),
    ),
    "wildcard-write": (
        "{value} cannot be trusted to write: every site could act as the user.",
        "Name the origins; where every site may write, set gate='off'.",
    ),
    "own-origin": (
        "{value} is no origin of one site.",
        "Write each origin of this site in full, such as 'https://www.example.com'.",
    ),
    # Callables.
    "coroutine-callable": (
        "{value} is a coroutine function, and its answer would never be awaited.",
        "Give a plain function; asynchronous servers call it in a thread.",
    ),
    "callable-signature": (
        "{value} cannot be called with {what}.",
        "Give a function that takes these, by position.",
    ),
    # Methods and headers.
    "method-invalid": ("{value} is no method name.", "Write names such as 'GET'."),
    "method-forbidden": ("{value} is a method that browsers refuse to send.", "Take it out."),
    "method-case": (
        "{value} never matches: method names are case-sensitive.",
        "Did you mean {fix}?",
    ),
    "header-invalid": ("{value} is no header name.", "Write names such as 'Content-Type'."),
    "header-forbidden": (
        "{value} is a header that the browser sets by itself, so there is nothing to allow.",
        "Take it out.",
    ),
    "expose-forbidden": (
        "{value} can never be read by a page, so there is nothing to expose.",
        "Take it out; browsers keep cookies without it.",
    ),
    "expose-wildcard-credentials": (
        "With credentials a browser takes {value} for a header of that very name.",
        "Name the headers to expose.",
    ),
    # Other values.
    "max-age": (
        "{value} is negative or no whole number of seconds.",
        "Write a whole number of seconds, such as 600; 0 turns caching off.",
    ),
    "preflight-status": (
        "{value} is no status to answer preflights with.",
        "Write 204, or 200 for clients that cannot take 204.",
    ),
    "gate-mode": ("{value} is no mode of the gate.", "Write 'off', 'report' or 'enforce'."),
    "dangerously-allow": (
        "{value} is no problem that can be accepted knowingly.",
        "Those are {fix}.",
    ),
    "wrong-type": ("{value} is no {what}.", "Write {fix}."),
    "wrong-value": ("{value} cannot be read as {what}.", "Write {fix}."),
    "unknown-option": ("corsgate has no such option.", "{fix}"),
    "conflict": ("It is set together with {what}, for the same thing.", "Keep one of the two."),
    # Paths.
    "path-invalid": ("{value} is no path, and no path that ends in /*.", "Write {fix}."),
    "path-parameter": (
        "{value} has a router's placeholder in it, and paths have none.",
        "Write {fix}.",
    ),
    "path-regex": (
        "{value} looks like a regular expression, and a path never is one.",
        "Write {fix}.",
    ),
    "path-encoded": (
        "{value} is percent-encoded, and paths are compared decoded.",
        "Write {fix}.",
    ),
    "path-segment": (
        "{value} has a segment that is empty, . or .., and no such path has a policy of its own.",
        "Write {fix}.",
    ),
    "path-repeated": ("{value} is there twice.", "Keep one of them."),
}

RELAXABLE = frozenset({"insecure-origin", "public-suffix", "null-origin"})


def _one_line(text: str) -> str:
    """The text with everything escaped that is not printable."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(char: str) -> str:
    return char if char.isprintable() else repr(char)[1:-1]


def __dir__() -> list[str]:
    return __all__


class Problem(Record):
    """One thing that is wrong with a configuration.

    :param code: stable kebab-case name of the kind of problem, one of `corsgate.errors.CODES`.
    :param field: the option or setting, with its place: `paths['/api/*'].allow_origins`.
    :param value: the offending value itself.
    :param message: what is wrong, as a sentence.
    :param hint: what to do, as a sentence.
    """

    __slots__ = _fields = ("code", "field", "value", "message", "hint")
    code: str
    field: str
    value: object
    message: str
    hint: str

    def __init__(self, *, code: str, field: str, value: object, message: str, hint: str) -> None:
        self._set(code=code, field=field, value=value, message=message, hint=hint)

    def __hash__(self) -> int:
        # The value may be a list, which has no hash.
        return hash((self.code, self.field, self.message))

    def __str__(self) -> str:
        # The name of an option that is not ours may hold anything.
        return _one_line(f"{self.field}: {self.message} {self.hint} [{self.code}]")

    def at(self, field: str) -> Problem:
        """The same problem, found at another place.

        :param field: that place.
        """
        return Problem(
            code=self.code, field=field, value=self.value, message=self.message, hint=self.hint
        )

    def in_settings(self, prefix: str, fields: tuple[str, ...], setting: str = "") -> Problem:
        """The same problem in the words of settings: `CORS_MAX_AGE` and not `max_age`.

        :param prefix: what the names of settings begin with: `CORS_`.
        :param fields: the options that have settings: the fields of `Policy`.
        :param setting: where the value was found, if that is not named after the field.
        """
        hint = self.hint
        for field in fields:
            name = prefix + field.upper()
            hint = hint.replace(f"{field}=", f"{name} = ").replace(f"{field} ", f"{name} ")
        field, bracket, rest = self.field.partition("[")
        return Problem(
            code=self.code,
            field=setting or prefix + field.upper() + bracket + rest,
            value=self.value,
            message=self.message,
            hint=hint,
        )


class PolicyError(ValueError):
    """A configuration that corsgate refuses, with every problem it has.

    :param problems: all that is wrong, in the order it was found; also the attribute `problems`.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{len(self.problems)} problems:{lines}"
