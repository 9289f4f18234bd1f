"""CORS for Flask: `CORSGate(app)` for the application, `@cors(...)` for views and blueprints."""

from __future__ import annotations

import sys
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING
from weakref import WeakSet

from flask import Blueprint, Flask

from ._decision import send_preflight, without_caching
from ._engine import decide, write_headers
from ._flask_config import read_configuration
from ._flask_errors import answer_error, log_error, may_answer_error
from ._flask_gate import ASKED, Asked
from ._flask_routing import go_inwards, is_flask
from ._flask_sources import Sources, or_by_path
from ._flask_views import EXTENSION, check_seen, mark_below, notice_mark
from ._gate import passes
from ._log import INFO
from ._marks import Mark, mark_view, set_mark
from ._nested import NOT_GIVEN, NotGiven
from ._problems import show
from ._protocol import ENVIRON_REQUEST_METHOD
from ._refusals import refused_headers
from ._settings import refuse_names
from ._sources import decide_by, is_preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar, Unpack
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ._decision import Decision
    from ._denials import OnDenied
    from ._flask_config import Configured
    from ._flask_views import MergedViews
    from ._nested import Source
    from .policy import Policy, PolicyOptions
    from .wsgi import Paths

    _Target = TypeVar("_Target")

__all__ = ["CORSGate", "cors"]
if not TYPE_CHECKING:  # so that a type checker sees a wrong name by itself
    __getattr__ = refuse_names(__name__, {"CORS": "CORSGate", "cross_origin": "cors"})


def __dir__() -> list[str]:
    return __all__


class CORSGate:
    """The Flask extension. Every answer of the application passes it, errors included.

    Options come from keyword arguments and from `app.config` (`CORS_ALLOW_ORIGINS` and so on,
    `CORS_PATHS`); keyword arguments win. Set the configuration before the application is given.

    :param app: the application; or leave it out and call `init_app`.
    :param policy: a `Policy`; `None`, which leaves CORS to the views; or a callable that is given
        the WSGI environ and returns one of the two. Not given: the options make the policy.
    :param paths: policies for some paths: `{"/api/*": {...}, "/health": Policy(...)}`.
    :param debug: for development: says why a browser blocks a request, in the log, in the header
        `X-CORSGate-Reason` and in the body of a 403; and browsers keep preflights' answers for 5
        seconds at most. Default: `CORS_DEBUG` in the configuration, or else as `app.debug` is at
        the request.
    :param on_denied: called with the WSGI environ and the `Decision` for every denial, for metrics
        and alarms. It has to be quick; what it raises is logged. Where the gate refuses, it may
        return what a view returns, which is answered then; else what it returns is ignored.
        Default: `CORS_ON_DENIED` in the configuration.
    :param options: fields of `Policy`.
    :raises PolicyError: with every problem that the arguments and the configuration have.
    """

    def __init__(
        self,
        app: Flask | None = None,
        policy: Source | NotGiven = NOT_GIVEN,
        *,
        paths: Paths | None = None,
        debug: bool | None = None,
        on_denied: OnDenied | None = None,
        **options: Unpack[PolicyOptions],
    ) -> None:
        self._policy = policy
        self._gates: WeakSet[_Gate] = WeakSet()
        given = {"paths": paths, "debug": debug, "on_denied": on_denied}
        self._keywords: dict[str, Any] = {
            **options,
            **{name: value for name, value in given.items() if value is not None},
        }
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Protect one application; an extension may be given several.

        :param app: the application, configured already.
        :raises TypeError: if it is no `Flask` application.
        :raises RuntimeError: if the application has a gate already.
        :raises PolicyError: as the class.
        """
        if isinstance(app, Blueprint):
            raise TypeError(
                f"CORSGate is for an application; for the blueprint {app.name!r} write"
                " cors(allow_origins=...)(blueprint)."
            )
        if not isinstance(app, Flask):
            raise TypeError(f"CORSGate is for a Flask application, not {show(app)}.")
        if EXTENSION in app.extensions:
            raise RuntimeError(
                f"The application {app.name!r} has a CORSGate already: give that one all options."
            )
        gate = _Gate(app, read_configuration(app, self._policy, self._keywords))
        app.extensions[EXTENSION] = gate
        app.wsgi_app = gate  # type: ignore[method-assign]
        self._gates.add(gate)

    def reconfigure(
        self, policy: Source | NotGiven = NOT_GIVEN, **options: Unpack[PolicyOptions]
    ) -> None:
        """Serve by another policy from the next request on, in this process.

        Every request is answered by the old or by the new one. `paths` and what `@cors` marks
        stay, and what inherits in them inherits from the new one. The configuration is not read
        again. Browsers keep answers to preflights for their `max_age`.

        :param policy: as of the class; of all applications that the extension was given.
        :param options: as of the class: fields of a new `Policy`, not changes of the old one.
        :raises RuntimeError: before the extension was given an application.
        :raises TypeError: with neither policy nor options.
        :raises PolicyError: with every problem that there is; the old policy stays in force.
        """
        gates = list(self._gates)
        if not gates:
            raise RuntimeError(
                "This CORSGate has no application yet: give the policy to CORSGate(...), or call"
                " init_app(app) first."
            )
        judged = [(gate, gate.judge(policy, options)) for gate in gates]
        for gate, configured in judged:
            gate._configured = configured


class _Gate(Sources):
    """The WSGI layer around one application."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        configured, views = self._configured, self._views  # another thread may reconfigure
        if views is None or not views.is_current(self._app, configured.rules):
            views = self._merge(configured.rules)
        debug = configured.debug
        if debug is None:
            debug = self._app.config["DEBUG"]  # what app.debug is, in half the time
        if views.gated and not passes(environ):
            return self._call_gated(configured, views, environ, start_response, debug)
        if views.only is None or (views.gated and is_preflight(environ)):
            return self._call_by_view(configured, views, environ, start_response, debug)
        # The usual case, one policy for all views, can be judged before the application runs.
        decision = decide(views.only, environ)
        if debug or (not decision.allowed and configured.denials.are_heard(INFO)):
            decision = configured.denials.note(environ, decision, debug, self._words_of)
        answer = decision._answer
        if answer is not None:
            status, headers, chunks = answer
            start_response(status, [*headers])
            return chunks
        asked = configured, debug, views, environ

        # Defaults, as in wsgi.py. A view may get a policy while the request is under way.
        def cors_start_response(  # type: ignore[no-untyped-def]
            status,
            headers,
            exc_info=None,
            start_response=start_response,
            decision=decision,
            gate=self,
            views=views,
            asked=asked,
        ):
            if gate._views is not views:
                decision = gate._judge(*asked)
                if decision is None:
                    return start_response(status, headers, exc_info)
            return start_response(status, write_headers(headers, decision), exc_info)

        try:
            return self._inner(environ, cors_start_response)
        except Exception as error:
            found = decision if self._views is views else self._judge(*asked)
            if found is None or not may_answer_error(self._app, environ, found):
                raise
            return answer_error(self._app, error, environ, found, debug, start_response)

    def _call_by_view(
        self,
        configured: Configured,
        views: MergedViews,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        debug: bool,
    ) -> Iterable[bytes]:
        """Where it has to be known which view has answered, which it is inside of Flask."""
        judged: list[Decision | None] = []
        if is_preflight(environ):
            source, decision = self._judge_preflight(views, environ)
            if decision is not None:
                decision, _ = configured.gate.apply(
                    source, decision, environ, debug, self._words_of
                )
            if decision is not None and decision._answer is not None:
                return send_preflight(decision, start_response)
            judged.append(decision)
        at = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        asked = configured, debug, views, environ, *at

        def cors_start_response(  # type: ignore[no-untyped-def]
            status,
            headers,
            exc_info=None,
            start_response=start_response,
            judged=judged,
            gate=self,
            asked=asked,
        ):
            if not judged:
                judged.append(gate._judge(*asked))
            if judged[0] is not None:
                headers = write_headers(headers, judged[0])
            return start_response(status, headers, exc_info)

        try:
            return self._inner(environ, cors_start_response)
        except Exception as error:
            found = judged[0] if judged else self._judge(*asked)
            if found is None or not may_answer_error(self._app, environ, found):
                raise
            return answer_error(self._app, error, environ, found, debug, start_response)

    def _judge(
        self,
        configured: Configured,
        debug: bool,
        views: MergedViews,
        environ: WSGIEnvironment,
        script_name: str | None = None,
        path_info: str = "",
    ) -> Decision | None:
        """What there is to write, once it is known which view has answered; see `_source`.

        :param script_name: not given: what is in the environ now.
        """
        if script_name is None:
            script_name, path_info = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        source = self._source(views, environ, script_name, path_info)
        decision = decide_by(source, environ)
        configured.gate.remember(source, decision)
        if decision is not None and (debug or not decision.allowed):
            decision = configured.denials.note(environ, decision, debug, self._words_of)
        return decision

    def _call_gated(
        self,
        configured: Configured,
        views: MergedViews,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        debug: bool,
    ) -> Iterable[bytes]:
        """Where the gate has to be asked before a view runs."""
        at = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        begun = False
        judged: list[Decision | None] = []
        asked = Asked(
            self._app,
            configured,
            debug,
            self._words_of,
            lambda routed: self._source(views, routed, *at, marks=True),
        )
        inner, environ = self._ask_before_layers(views, asked, environ)

        def judge() -> Decision | None:
            if asked.judged:
                return asked.decision
            if not judged:
                asked.report(environ)
                judged.append(self._judge(configured, debug, views, environ, *at))
            return judged[0]

        def cors_start_response(status, headers, exc_info=None):  # type: ignore[no-untyped-def]
            nonlocal begun
            begun = True
            found = judge()
            if found is not None:
                write = refused_headers if found.kind == "gate" else write_headers
                headers = write(headers, found)
            return start_response(status, headers, exc_info)

        try:
            return inner(environ, cors_start_response)
        except Exception as error:
            if asked.response is not None:  # a teardown function, too late
                log_error(self._app, error, environ)
                again = partial(cors_start_response, exc_info=sys.exc_info() if begun else None)
                return asked.response(environ, again)
            found = judge()
            if found is None or not may_answer_error(self._app, environ, found):
                raise
            return answer_error(self._app, error, environ, found, debug, start_response)

    def _ask_before_layers(
        self, views: MergedViews, asked: Asked, environ: WSGIEnvironment
    ) -> tuple[WSGIApplication, WSGIEnvironment]:
        """What gets a request, and how: Flask at once, with nothing around it, if it is refused.

        A layer that may answer by itself is not run for what the gate would refuse, as far as that
        can be told from the outside; Flask asks again, since a layer may change the path.
        """
        environ[ASKED] = asked
        routed, reached = go_inwards(self._inner, environ)
        if is_flask(self._app, reached):
            return self._inner, environ
        asked.before, _, serves = self._route(views, environ, environ["REQUEST_METHOD"])
        sources = [asked.before]
        if not serves:
            path_info = environ.get("PATH_INFO", "")
            sources.append(or_by_path(self._views_with(views), NOT_GIVEN, path_info))
        if asked.refuses_before(routed, sources):
            return partial(Flask.wsgi_app, self._app), routed
        return self._inner, environ

    def _judge_preflight(
        self, views: MergedViews, environ: WSGIEnvironment
    ) -> tuple[Source, Decision | None]:
        """What was asked for the policy, and what came of it."""
        if views.only is not None:
            return views.only, decide(views.only, environ)
        source, differs, _ = self._route(views, environ, environ[ENVIRON_REQUEST_METHOD])
        decision = decide_by(source, environ)
        return source, without_caching(decision) if decision and differs else decision


def cors(
    positional: Policy | NotGiven | None = NOT_GIVEN,
    /,
    *,
    policy: Source | NotGiven = NOT_GIVEN,
    **options: Unpack[PolicyOptions],
) -> Callable[[_Target], _Target]:
    """Give a view, a method of a `MethodView`, such a class, or a blueprint a policy of its own.

    Above or below `@app.route`; `cors(...)(blueprint)` for a blueprint. It holds for every answer
    of the route, and on a class for derived classes too, unless they have their own. The
    application needs a `CORSGate`.

    :param positional: a `Policy`, or `None`: CORS is the view's own.
    :param policy: the same by keyword; or a callable that is given the WSGI environ and returns one
        of the two.
    :param options: fields of `Policy` instead, which change those of the enclosing blueprints and
        of the application.
    :raises TypeError: for `@cors` without parentheses, and without or with too many arguments.
    :raises PolicyError: with every problem that the arguments have; what only shows together with
        inherited options is reported at the first request.
    """
    shared = Mark(positional, policy, options)

    def decorate(target: Any) -> Any:
        mark = shared.copy()
        notice_mark(mark)
        if isinstance(target, Flask):
            raise TypeError("cors() is for views and blueprints: write CORSGate(app, ...).")
        if isinstance(target, (Blueprint, type)):
            set_mark(target, mark)
            return target
        if not callable(target):
            raise TypeError(
                f"cors() is for a view, a class of views or a blueprint, not for {show(target)}."
            )
        marked = mark_view(target, mark, is_async=iscoroutinefunction(target), notice=check_seen)
        mark_below(target, mark)
        return marked

    return decorate
