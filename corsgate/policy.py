"""`Policy`: which origins, methods and headers are allowed. It is valid, or it does not exist."""

from __future__ import annotations

from ._check import Checker
from ._record import TYPE_CHECKING, Record
from ._settings import read_settings, unknown_option
from .errors import PolicyError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping
    from datetime import timedelta
    from typing import Any, Literal, TypedDict, Unpack

    from ._match import Matcher, OriginCallable

    OriginEntry = str | re.Pattern[str] | OriginCallable
    Mode = Literal["off", "report", "enforce"]

    class PolicyOptions(TypedDict, total=False):
        """The keyword arguments of `Policy`, for annotations."""

        allow_origins: Iterable[OriginEntry] | OriginEntry
        allow_methods: Iterable[str] | str
        allow_headers: Iterable[str] | str
        expose_headers: Iterable[str] | str
        allow_credentials: bool
        max_age: int | timedelta | None
        allow_timing: bool
        preflight_status: int
        gate: Mode
        write_origins: Iterable[OriginEntry] | OriginEntry | None
        own_origins: Iterable[str] | str
        dangerously_allow: Iterable[str] | str

    class _NoOptions(TypedDict):
        """No other keyword arguments: each is an error for a type checker too."""


__all__ = ["Policy"]

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "user-agent",
    "x-csrftoken",
    "x-requested-with",
)


def __dir__() -> list[str]:
    return __all__


class Policy(Record):
    """An immutable CORS policy. Every argument is named after the header that it decides.

    Where several names are meant, a string is split on commas (origins: also on white space).
    Fields are normalised and sorted, so two policies that mean the same are equal.

    :param allow_origins: who may read the answers: `"*"`, origins (`"https://app.example.com"`),
        patterns (`"https://*.example.com"`, `"https://pr-*.example.com"`, `"http://localhost:*"`),
        compiled regular expressions (matched in full), callables `(origin, environ) -> bool`
        (only `True` allows), `"null"`; one, or a mix without `"*"`. Default: nobody on another
        origin.
        Fetch, "CORS check".
    :param allow_methods: method names, case-sensitive, or `"*"`. Default: all seven that are
        usual. Fetch, "CORS-preflight fetch".
    :param allow_headers: names of request headers, in any case, or `"*"`, which does not cover
        Authorization: `("*", "Authorization")` does. Default: six that are usual.
    :param expose_headers: names of response headers that a page may read beyond the safelisted
        ones (Fetch, "CORS-safelisted response-header name"), or `"*"`. Default: none.
    :param allow_credentials: whether pages may send cookies and HTTP authentication; not where
        `allow_origins` is `"*"` (Fetch, "CORS protocol and credentials"). Default: no.
    :param max_age: seconds (`int` or `timedelta`) for which a browser may keep a preflight's
        answer; `None` leaves the header out, and browsers take 5 seconds. Default: 600, the most
        that all of them keep to (Fetch, "CORS-preflight cache").
    :param allow_timing: whether allowed origins may also read resource timing (Resource Timing,
        "Timing-Allow-Origin"). Default: no.
    :param preflight_status: 204, the default, or 200 for clients that want it (Fetch, "ok status").
    :param gate: `"enforce"` refuses with 403, before the application runs, what a browser sends
        from an origin that is not trusted; `"report"` only logs that, and calls `on_denied`;
        `"off"`, the default, does neither. Requests with GET, HEAD and OPTIONS are refused only
        where they have an `Origin`, and `allow_origins` does not let that read.
    :param write_origins: as `allow_origins`, but never `"*"`: whom the gate trusts with all other
        methods and with handshakes of WebSockets. Once given it stands alone, so name your own
        pages on other origins too. Default, and `None`: the origins of `allow_origins` without
        `"null"`, and where that is `"*"` nobody on another origin. `()`: nobody.
    :param own_origins: the public origins of this very site, each in full: no patterns, no regular
        expressions, no callables. Where a browser does not say from where a request comes (Fetch
        Metadata, "Sec-Fetch-Site"), the gate lets these pass, and without them the one that
        `Host` names.
    :param dangerously_allow: codes of relaxable problems, accepted knowingly: `"insecure-origin"`,
        `"null-origin"`, `"public-suffix"`. Default: none.
    :raises PolicyError: with every problem that the arguments have, not the first.
    """

    _fields = (
        "allow_origins",
        "allow_methods",
        "allow_headers",
        "expose_headers",
        "allow_credentials",
        "max_age",
        "allow_timing",
        "preflight_status",
        "gate",
        "write_origins",
        "own_origins",
        "dangerously_allow",
    )
    # _matcher: None where any origin is allowed. _writers: the same object where who may read may
    # write. _ready: the engine's answers, made ready once.
    __slots__ = (*_fields, "_matcher", "_ready", "_writers")

    allow_origins: tuple[OriginEntry, ...]
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    allow_credentials: bool
    max_age: int | None
    allow_timing: bool
    preflight_status: int
    gate: Mode
    write_origins: tuple[OriginEntry, ...] | None
    own_origins: tuple[str, ...]
    dangerously_allow: tuple[str, ...]
    _matcher: Matcher | None
    _writers: Matcher
    _ready: Any

    def __init__(
        self,
        *,
        allow_origins: Iterable[OriginEntry] | OriginEntry = (),
        allow_methods: Iterable[str] | str = _METHODS,
        allow_headers: Iterable[str] | str = _HEADERS,
        expose_headers: Iterable[str] | str = (),
        allow_credentials: bool = False,
        max_age: int | timedelta | None = 600,
        allow_timing: bool = False,
        preflight_status: int = 204,
        gate: Mode = "off",
        write_origins: Iterable[OriginEntry] | OriginEntry | None = None,
        own_origins: Iterable[str] | str = (),
        dangerously_allow: Iterable[str] | str = (),
        **unknown: Unpack[_NoOptions],
    ) -> None:
        check = Checker()
        relaxed = check.relaxed("dangerously_allow", dangerously_allow)
        credentials = check.flag("allow_credentials", allow_credentials)
        origins = check.origins("allow_origins", allow_origins)
        # Kept as None where it follows allow_origins, so that it still does after replace().
        named = None if write_origins is None else check.writers("write_origins", write_origins)
        self._set(
            allow_origins=origins.entries,
            allow_methods=check.methods("allow_methods", allow_methods),
            allow_headers=check.request_headers("allow_headers", allow_headers),
            expose_headers=check.response_headers("expose_headers", expose_headers, credentials),
            allow_credentials=credentials,
            max_age=check.max_age("max_age", max_age),
            allow_timing=check.flag("allow_timing", allow_timing),
            preflight_status=check.preflight_status("preflight_status", preflight_status),
            gate=check.gate("gate", gate),
            write_origins=None if named is None else named.entries,
            own_origins=check.own_origins("own_origins", own_origins),
            dangerously_allow=relaxed,
            _ready=None,
        )
        if credentials:
            check.credentials("allow_origins", origins, relaxed)
        else:
            check.wildcard("allow_origins", origins)
        writers = named or origins.writers()
        # What may act with the user's cookies has been judged for that.
        if self.gate != "off" and (named is not None or not credentials):
            field = "allow_origins" if named is None else "write_origins"
            check.trusted(field, writers, relaxed, "trusted to write")
        options: Mapping[str, object] = unknown
        for name, value in options.items():
            check.problems.append(unknown_option(name, value, self._fields))
        if check.problems:
            raise PolicyError(check.problems)
        matcher = origins.matcher()
        alike = writers.entries == origins.entries
        self._set(
            _matcher=None if "*" in origins.entries else matcher,
            _writers=matcher if alike else writers.matcher(),
        )

    def __reduce__(self) -> tuple[object, ...]:
        # What is made ready from the fields is made anew.
        return _rebuild, (self.to_dict(),)

    def replace(self, **changes: Unpack[PolicyOptions]) -> Policy:
        """A policy with some fields changed, and the others as they are here.

        :param changes: fields of `Policy`.
        :raises PolicyError: as `Policy` does.
        """
        return Policy(**{**self.to_dict(), **changes})

    def to_dict(self) -> dict[str, Any]:
        """All fields, normalised, such that `Policy(**policy.to_dict()) == policy`."""
        return {name: getattr(self, name) for name in self._fields}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], prefix: str = "CORS_") -> Policy:
        """A policy from settings: `CORS_ALLOW_ORIGINS`, `CORS_MAX_AGE` and so on.

        :param mapping: `os.environ`, a Flask `app.config` or the like. Texts are read as what the
            option takes: true/false, yes/no, on/off, 1/0; whole numbers; lists with commas.
        :param prefix: what the names of the settings begin with; the rest is the field's name in
            upper case. Other keys that begin so are a problem if they look like a slip or are
            another library's, else ignored in `os.environ` and warned about elsewhere.
        :raises PolicyError: with every problem, each at the name of its setting.
        """
        options, problems = read_settings(mapping, prefix, cls._fields)
        try:
            policy = cls(**options)
        except PolicyError as error:
            problems += [problem.in_settings(prefix, cls._fields) for problem in error.problems]
        if problems:
            raise PolicyError(problems)
        return policy


def _rebuild(fields: dict[str, Any]) -> Policy:
    return Policy(**fields)
