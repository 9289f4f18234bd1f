"""What a decorator leaves on a view, and the policies that come of it, without any framework."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from corsgate import Policy, PolicyError, Problem
from corsgate._marks import (
    UNMARKED,
    Mark,
    ViewPolicies,
    compile_view,
    group_view,
    groups_of,
    mark_of,
    mark_view,
    set_mark,
)
from corsgate._nested import NOT_GIVEN, Within

APP = "https://app.example.com"
BASE = Policy(allow_origins=APP, expose_headers="X-Base")
ONE, TWO, THREE = (BASE.replace(max_age=age) for age in (1, 2, 3))


def options(**options: Any) -> Mark:
    return Mark(NOT_GIVEN, NOT_GIVEN, options)


def alone(policy: Policy | None) -> Mark:
    return Mark(policy, NOT_GIVEN, {})


def source(environ: Mapping[str, Any]) -> Policy:
    return BASE


def unnoticed(mark: Mark, *arguments: Any, **keywords: Any) -> None:
    raise AssertionError("called")


def compiled(view: object, *groups: Mark) -> ViewPolicies:
    problems: list[Problem] = []
    policies = compile_view(view, groups, BASE, "shop.view", problems)
    assert problems == []
    return policies


def view_of(cls: type, mark: Mark | None = None) -> Callable[..., Any]:
    """What `as_view()` of Flask and Django makes: a function that knows its class."""

    def view(*arguments: Any, **keywords: Any) -> str:
        return "answered"

    view.view_class = cls  # type: ignore[attr-defined]
    return view if mark is None else mark_view(view, mark, is_async=False, notice=unnoticed)


# ------------------------------------------------------------------ what a mark may be made of


def test_a_mark_is_a_policy_none_a_source_or_options() -> None:
    policy = Policy(allow_origins="*")
    problems: list[Problem] = []
    assert alone(policy).apply(BASE, "view", problems) is policy
    assert alone(None).apply(BASE, "view", problems) is None
    assert Mark(NOT_GIVEN, policy, {}).apply(BASE, "view", problems) is policy
    assert Mark(NOT_GIVEN, None, {}).apply(BASE, "view", problems) is None
    assert Mark(NOT_GIVEN, source, {}).apply(BASE, "view", problems) == Within(source, BASE)
    assert hash(Within(source, BASE)) == hash(Within(source, BASE))
    assert Mark(NOT_GIVEN, source, {}).apply(None, "view", problems) is source
    assert options(max_age=5).apply(BASE, "view", problems) == BASE.replace(max_age=5)
    assert problems == []


def decorated() -> None:
    raise AssertionError("called")


class Decorated:
    pass


@pytest.mark.parametrize(
    ("target", "name"),
    [
        pytest.param(decorated, "decorated", id="function"),
        pytest.param(Decorated, "Decorated", id="class"),
        pytest.param(functools.partial(decorated), "functools.partial", id="partial"),
    ],
)
def test_a_decorator_without_parentheses_says_what_to_write(target: Any, name: str) -> None:
    with pytest.raises(TypeError, match=r"without parentheses") as caught:
        Mark(target, NOT_GIVEN, {})
    text = str(caught.value)
    assert name in text
    assert '@cors(allow_origins="https://app.example.com")' in text
    assert "@cors(policy=source)" in text


@pytest.mark.parametrize("value", ["*", {"allow_origins": "*"}, 5], ids=repr)
def test_what_is_no_policy_says_what_to_write(value: Any) -> None:
    with pytest.raises(TypeError, match=r"takes a Policy or None, not .*write cors\(allow_ori"):
        Mark(value, NOT_GIVEN, {})


def test_a_mode_of_the_gate_is_an_option() -> None:
    with pytest.raises(TypeError) as caught:
        Mark("off", NOT_GIVEN, {})  # type: ignore[arg-type]
    assert str(caught.value) == "cors() takes a Policy or None, not 'off': write cors(gate='off')."


@pytest.mark.parametrize(
    ("positional", "policy", "given"),
    [
        pytest.param(NOT_GIVEN, NOT_GIVEN, {}, id="nothing"),
        pytest.param(Policy(), NOT_GIVEN, {"max_age": 5}, id="policy and options"),
        pytest.param(None, NOT_GIVEN, {"max_age": 5}, id="none and options"),
        pytest.param(NOT_GIVEN, source, {"max_age": 5}, id="source and options"),
    ],
)
def test_a_policy_or_options_but_not_both_and_not_neither(
    positional: Any, policy: Any, given: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match="takes a policy or options, but not both"):
        Mark(positional, policy, given)


@pytest.mark.parametrize("policy", [None, Policy(), source])
def test_two_policies_are_too_much(policy: Any) -> None:
    with pytest.raises(TypeError, match="two policies"):
        Mark(Policy(), policy, {})


async def coroutine(environ: Mapping[str, Any]) -> Policy:
    return BASE


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        pytest.param("*", "wrong-type", id="text"),
        pytest.param(Policy, "wrong-type", id="class"),
        pytest.param(coroutine, "coroutine-callable", id="coroutine function"),
    ],
)
def test_what_is_no_source_is_a_problem(policy: Any, code: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Mark(NOT_GIVEN, policy, {})
    assert [(found.code, found.field) for found in caught.value.problems] == [(code, "policy")]


def test_options_are_judged_where_they_are_written() -> None:
    with pytest.raises(PolicyError) as caught:
        options(max_age=-1, origins="*", allow_origins=["*"], allow_credentials=True)
    assert [problem.code for problem in caught.value.problems] == [
        "max-age",
        "wildcard-credentials",
        "unknown-option",
    ]


RISKY: dict[str, Any] = {"allow_origins": "http://b.example", "allow_credentials": True}


def test_a_risk_that_is_accepted_around_a_view_is_judged_when_all_is_merged() -> None:
    mark = options(**RISKY)
    problems: list[Problem] = []
    careless = BASE.replace(dangerously_allow="insecure-origin")
    assert mark.apply(careless, "view", problems) == careless.replace(**RISKY)
    assert problems == []
    assert mark.apply(BASE, "shop.view", problems) == Policy()
    assert [(found.code, found.field) for found in problems] == [
        ("insecure-origin", "shop.view: allow_origins")
    ]


# ------------------------------------------------------------------ marks on things


def test_what_has_no_mark_has_none() -> None:
    assert mark_of(decorated) is None
    assert groups_of(decorated) == ()
    assert mark_of(None) is None

    class Other:
        __corsgate__ = "not ours"

    assert mark_of(Other) is None


def test_a_class_is_marked_as_it_is() -> None:
    class Blueprint:
        pass

    mark = options(max_age=5)
    set_mark(Blueprint, mark)
    assert mark_of(Blueprint) is mark


def test_a_marked_view_is_a_wrapper_and_the_view_itself_stays_as_it_is() -> None:
    def view(number: int, *, times: int = 1) -> int:
        """Answers."""
        return number * times

    noticed: list[Any] = []
    mark = options(max_age=5)
    wrapper = mark_view(
        view, mark, is_async=False, notice=lambda *args, **kwargs: noticed.append((args, kwargs))
    )
    assert wrapper is not view
    assert (wrapper.__name__, wrapper.__doc__) == ("view", "Answers.")
    assert wrapper.__wrapped__ is view  # type: ignore[attr-defined]
    assert mark_of(wrapper) is mark
    assert mark_of(view) is None
    assert vars(view) == {}
    assert noticed == []
    assert wrapper(2, times=3) == 6
    assert noticed == [((mark, 2), {"times": 3})]


def test_an_asynchronous_view_stays_asynchronous() -> None:
    async def view(number: int) -> int:
        return number

    noticed: list[Any] = []
    mark = options(max_age=5)
    wrapper = mark_view(view, mark, is_async=True, notice=lambda *args: noticed.append(args))
    assert asyncio.iscoroutinefunction(wrapper)
    answer = wrapper(2)
    assert noticed == []
    assert asyncio.run(answer) == 2
    assert noticed == [(mark, 2)]


def lost(mark: Mark, *arguments: Any) -> None:
    raise LookupError("routing did not see it")


def test_where_the_mark_was_not_seen_the_view_does_not_run() -> None:
    def view() -> None:
        raise AssertionError("called")

    wrapper = mark_view(view, options(max_age=5), is_async=False, notice=lost)
    with pytest.raises(LookupError, match="routing did not see it"):
        wrapper()


def test_where_the_mark_was_not_seen_an_asynchronous_view_does_not_run() -> None:
    async def view() -> None:
        raise AssertionError("called")

    wrapper = mark_view(view, options(max_age=5), is_async=True, notice=lost)
    with pytest.raises(LookupError, match="routing did not see it"):
        asyncio.run(wrapper())


def test_a_well_behaved_decorator_above_keeps_the_mark() -> None:
    def view() -> None:
        raise AssertionError("called")

    mark = options(max_age=5)
    wrapper = mark_view(view, mark, is_async=False, notice=unnoticed)

    @functools.wraps(wrapper)
    def above() -> None:
        wrapper()

    assert mark_of(above) is mark


def test_a_view_is_marked_once() -> None:
    def view() -> None:
        raise AssertionError("called")

    wrapper = mark_view(view, options(max_age=5), is_async=False, notice=unnoticed)

    @functools.wraps(wrapper)
    def between() -> None:
        raise AssertionError("called")

    for target in (wrapper, between):
        with pytest.raises(TypeError, match=r"view has two @cors\(\.\.\.\): keep one"):
            mark_view(target, options(max_age=6), is_async=False, notice=unnoticed)


def test_a_view_in_a_group_is_a_copy() -> None:
    def view(number: int) -> int:
        return number

    inner, outer = options(max_age=5), options(max_age=6)
    noticed: list[object] = []

    def notice(mark: Mark, *args: object) -> None:
        noticed.append((mark, *args))

    once = group_view(view, inner, is_async=False, notice=notice)
    twice = group_view(once, outer, is_async=False, notice=notice)
    assert groups_of(view) == ()
    assert groups_of(once) == (inner,)
    assert groups_of(twice) == (outer, inner)
    assert view(1) == twice(1) == 1
    assert noticed == [(outer, 1), (inner, 1)]
    assert mark_of(twice) is None


def test_an_asynchronous_view_in_a_group_stays_asynchronous() -> None:
    async def view(number: int) -> int:
        return number

    grouped = group_view(view, options(max_age=5), is_async=True, notice=lambda *args: None)
    assert asyncio.iscoroutinefunction(grouped)
    assert asyncio.run(grouped(1)) == 1


# ------------------------------------------------------------------ merging


def test_a_view_without_marks_has_no_policy_of_its_own() -> None:
    assert compiled(decorated) is UNMARKED
    assert compiled(view_of(Decorated)) is UNMARKED
    assert UNMARKED.source("GET") is NOT_GIVEN
    assert UNMARKED.judged_by("PUT") == (NOT_GIVEN, False)
    assert UNMARKED.sources() == [NOT_GIVEN]
    assert UNMARKED.marks == frozenset()


def marked(mark: Mark) -> Callable[..., Any]:
    def view() -> None:
        raise AssertionError("called")

    return mark_view(view, mark, is_async=False, notice=unnoticed)


def test_options_inherit_from_what_is_around_them() -> None:
    outer, inner = options(expose_headers="X-Outer", max_age=1), options(max_age=2)
    own = options(allow_timing=True)
    policies = compiled(marked(own), outer, inner)
    expected = BASE.replace(expose_headers="X-Outer", max_age=2, allow_timing=True)
    assert policies.source("GET") == expected
    assert policies.judged_by("PUT") == (expected, False)
    assert policies.marks == {outer, inner, own}


def test_a_policy_stands_alone_and_ends_what_is_inherited() -> None:
    other = Policy(allow_origins="https://other.example")
    assert compiled(marked(alone(other)), options(max_age=1)).source("GET") is other
    below = compiled(marked(options(max_age=2)), options(max_age=1), alone(other))
    assert below.source("GET") == other.replace(max_age=2)
    assert compiled(marked(alone(None)), options(max_age=1)).source("GET") is None


def test_only_the_groups_of_a_view_may_be_marked() -> None:
    group = options(max_age=1)
    policies = compiled(decorated, group)
    assert policies.source("POST") == BASE.replace(max_age=1)
    assert policies.marks == {group}


def test_the_same_mark_counts_once() -> None:
    mark = Mark(NOT_GIVEN, NOT_GIVEN, {"max_age": 1})

    class Both:
        pass

    set_mark(Both, mark)
    policies = compiled(view_of(Both, mark), mark)
    assert policies.source("GET") == BASE.replace(max_age=1)
    assert policies.marks == {mark}


def handler() -> Callable[..., Any]:
    def method(self: object) -> str:
        return "answered"

    return method


# Django's View names all methods it would serve, Flask's MethodView those that it has.
DJANGO = ["get", "post", "put", "patch", "delete", "head", "options", "trace"]


def class_with(
    handlers: Mapping[str, Mark | None], mark: Mark | None = None, **attributes: Any
) -> type:
    """A class-based view with handlers, some of them marked; as Django's if not said."""
    functions = {
        name: handler()
        if own is None
        else mark_view(handler(), own, is_async=False, notice=unnoticed)
        for name, own in handlers.items()
    }
    cls = type("View", (), {**functions, **(attributes or {"http_method_names": DJANGO})})
    if mark is not None:
        set_mark(cls, mark)
    return cls


def test_the_methods_of_a_class_may_differ() -> None:
    cls = class_with(
        {"get": options(max_age=1), "put": options(max_age=2), "post": None}, options(max_age=3)
    )
    policies = compiled(view_of(cls))
    ages = {
        method: policies.source(method)
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
    }
    assert ages == {
        "GET": BASE.replace(max_age=1),
        "HEAD": BASE.replace(max_age=1),
        "PUT": BASE.replace(max_age=2),
        "POST": BASE.replace(max_age=3),
        "DELETE": BASE.replace(max_age=3),
        "OPTIONS": BASE.replace(max_age=3),
    }
    assert len(policies.marks) == 3
    assert len(policies.sources()) == 3


def test_methods_inherit_from_their_class_and_its_groups() -> None:
    cls = class_with({"get": options(max_age=1)}, options(allow_timing=True))
    policies = compiled(view_of(cls), options(expose_headers="X-Group"))
    expected = BASE.replace(max_age=1, allow_timing=True, expose_headers="X-Group")
    assert policies.source("GET") == expected
    assert policies.source("POST") == expected.replace(max_age=600)


def test_a_class_with_marked_methods_only_has_no_policy_for_the_others() -> None:
    policies = compiled(view_of(class_with({"get": options(max_age=1), "post": None})))
    assert policies.source("GET") == BASE.replace(max_age=1)
    assert policies.source("POST") is NOT_GIVEN
    assert policies.default is NOT_GIVEN


def test_a_mark_on_the_function_of_a_class_counts_for_all_its_methods() -> None:
    mark = options(max_age=5)
    policies = compiled(view_of(class_with({"get": None, "post": None}), mark))
    assert policies.source("GET") == policies.source("POST") == BASE.replace(max_age=5)


def test_head_is_served_by_get_where_the_class_has_no_other() -> None:
    get_only = compiled(view_of(class_with({"get": options(max_age=1)}, options(max_age=3))))
    assert get_only.source("HEAD") == BASE.replace(max_age=1)
    both = {"get": options(max_age=1), "head": options(max_age=2)}
    assert compiled(view_of(class_with(both))).source("HEAD") == BASE.replace(max_age=2)


def test_head_that_is_there_without_a_mark_has_the_policy_of_the_class() -> None:
    cls = class_with({"get": options(max_age=1), "head": None}, options(max_age=3))
    assert compiled(view_of(cls)).source("HEAD") == BASE.replace(max_age=3)


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"http_method_names": [*DJANGO, "purge"]}, id="Django"),
        pytest.param({"methods": {"GET", "HEAD", "POST", "PURGE"}}, id="Flask"),
        pytest.param({"methods": None, "http_method_names": ["get", "post", "purge"]}, id="both"),
    ],
)
def test_a_class_says_which_of_its_functions_are_handlers(attributes: dict[str, Any]) -> None:
    cls = class_with(
        {"get": None, "post": None, "purge": options(max_age=2), "helper": options(max_age=9)},
        options(max_age=1),
        **attributes,
    )
    policies = compiled(view_of(cls))
    ages = {method: policies.source(method) for method in ("GET", "PURGE", "HELPER")}
    assert ages == {"GET": ONE, "PURGE": TWO, "HELPER": ONE}
    assert policies.judged_by("POST") == (ONE, True)
    assert policies.judged_by("purge") == (TWO, True)
    assert policies.judged_by("DELETE") == (NOT_GIVEN, True)


def test_a_class_that_names_no_handlers_has_the_usual_ones() -> None:
    handlers = {"get": options(max_age=2), "purge": options(max_age=3)}
    policies = compiled(view_of(class_with(handlers, options(max_age=1), methods=None)))
    assert policies.source("GET") == TWO
    assert policies.source("PURGE") == ONE


@pytest.mark.parametrize("method", ["get", "Get", "GET"])
def test_a_handler_serves_its_method_in_any_case(method: str) -> None:
    # Werkzeug and Django change the case before they choose, so a policy must not differ.
    policies = compiled(view_of(class_with({"get": options(max_age=1), "put": None})))
    assert policies.source(method) == ONE
    assert policies.judged_by(method) == (ONE, True)


def test_a_function_for_options_counts_only_if_it_is_marked() -> None:
    own = {"get": options(max_age=1), "put": options(max_age=1)}
    unmarked = compiled(view_of(class_with({**own, "options": None})))
    assert unmarked.judged_by("PUT") == (ONE, False)
    marked = compiled(view_of(class_with({**own, "options": options(max_age=2)})))
    assert marked.judged_by("PUT") == (ONE, True)
    assert marked.source("OPTIONS") == TWO


def test_the_class_may_be_kept_under_another_name_with_chosen_handlers() -> None:
    # Django REST framework: view.cls, and view.actions from the names of methods to handlers.
    mark = options(max_age=1)
    cls = class_with({"list": mark, "create": None}, options(max_age=3))

    def view() -> None:
        raise AssertionError("called")

    view.cls = cls  # type: ignore[attr-defined]
    view.actions = {"get": "list", "post": "create"}  # type: ignore[attr-defined]
    policies = compiled(view)
    assert policies.source("GET") == BASE.replace(max_age=1)
    assert policies.source("POST") == BASE.replace(max_age=3)
    assert policies.judged_by("POST") == (BASE.replace(max_age=3), True)
    assert policies.judged_by("DELETE") == (NOT_GIVEN, True)


# ------------------------------------------------------------------ preflights


@pytest.mark.parametrize(
    ("cls", "method", "expected"),
    [
        pytest.param(
            class_with({"get": None, "put": None}, options(max_age=3)),
            "PUT",
            (THREE, False),
            id="all alike",
        ),
        pytest.param(
            class_with({"get": None, "put": None}, options(max_age=3)),
            "DELETE",
            (THREE, False),
            id="not served, the others alike",
        ),
        pytest.param(
            class_with({"get": options(max_age=1), "put": options(max_age=1)}),
            "PUT",
            (ONE, False),
            id="equal",
        ),
        pytest.param(
            class_with({"get": options(max_age=1), "put": options(max_age=1)}),
            "DELETE",
            (ONE, False),
            id="not served, the others equal",
        ),
        pytest.param(
            class_with({"get": options(max_age=1), "put": options(max_age=2)}),
            "PUT",
            (TWO, True),
            id="different",
        ),
        pytest.param(
            class_with({"get": options(max_age=1), "put": options(max_age=2)}),
            "DELETE",
            (NOT_GIVEN, True),
            id="not served, the others different",
        ),
        pytest.param(
            class_with({"get": options(max_age=1), "put": options(max_age=2)}),
            "HEAD",
            (ONE, True),
            id="head served by get",
        ),
        pytest.param(
            class_with({"get": options(max_age=1), "head": options(max_age=2)}),
            "HEAD",
            (TWO, True),
            id="head served by itself",
        ),
        pytest.param(
            class_with({"get": options(max_age=1)}), "DELETE", (ONE, False), id="one served"
        ),
        pytest.param(
            class_with({"post": options(max_age=1), "put": options(max_age=2)}),
            "HEAD",
            (NOT_GIVEN, True),
            id="head not served",
        ),
        pytest.param(
            class_with({"get": options(max_age=1), "put": None}),
            "PUT",
            (NOT_GIVEN, True),
            id="served without a mark",
        ),
    ],
)
def test_a_preflight_is_judged_by_the_method_it_asks_for(
    cls: type, method: str, expected: tuple[object, bool]
) -> None:
    assert compiled(view_of(cls)).judged_by(method) == expected


# ------------------------------------------------------------------ problems


def test_all_problems_of_what_is_merged_say_where_they_are() -> None:
    cls = class_with({"get": options(allow_credentials=True)}, options(expose_headers="*"))
    problems: list[Problem] = []
    base = Policy(allow_origins=["*"])
    compile_view(view_of(cls), [], base, "shop.View", problems)
    assert {(problem.code, problem.field) for problem in problems} == {
        ("wildcard-credentials", "shop.View.get: allow_origins"),
        ("expose-wildcard-credentials", "shop.View.get: expose_headers"),
    }


def test_what_is_wrong_allows_nothing() -> None:
    problems: list[Problem] = []
    policies = compile_view(
        marked(options(allow_credentials=True)), [], Policy(allow_origins="*"), "view", problems
    )
    assert len(problems) == 1
    assert policies.source("GET") == Policy()
