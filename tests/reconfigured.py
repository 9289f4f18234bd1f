"""What tests of `reconfigure` have in common: two policies, and a change under load."""

import sys
import threading
from collections.abc import Callable

from answers import APP, EVIL, PARTNER, REFUSED, goes_on, readable_by
from wsgi_client import comparable

from corsgate import Policy

# No answer of the one is an answer of the other.
ONE = Policy(allow_origins=[APP, PARTNER], max_age=1, expose_headers="X-One")
TWO = Policy(allow_origins=[APP, EVIL], max_age=2, allow_credentials=True)
READABLE = {
    ONE: readable_by(APP, Access_Control_Expose_Headers="X-One"),
    TWO: readable_by(APP, Access_Control_Allow_Credentials="true"),
}
GOES_ON = {
    ONE: goes_on(APP, max_age="1"),
    TWO: goes_on(APP, max_age="2", Access_Control_Allow_Credentials="true"),
}
# Whom only one of the two lets go on.
ANSWERS = {
    PARTNER: (REFUSED, goes_on(PARTNER, max_age="1")),
    EVIL: (REFUSED, goes_on(EVIL, max_age="2", Access_Control_Allow_Credentials="true")),
}

# The same with a gate, which PARTNER may not pass, and without.
GATED = Policy(
    allow_origins=[APP, PARTNER],
    write_origins=APP,
    gate="enforce",
    max_age=1,
    expose_headers="X-One",
)
OPEN = Policy(allow_origins=[APP, PARTNER], max_age=2, allow_credentials=True)
STOPPED: tuple[int, dict[str, object]] = (
    403,
    {
        **readable_by(PARTNER, Access_Control_Expose_Headers="X-One"),
        **comparable({"Vary": "Origin, Sec-Fetch-Site"}),
    },
)
PASSED: tuple[int, dict[str, object]] = (
    200,
    readable_by(PARTNER, Access_Control_Allow_Credentials="true"),
)
# The preflights for PUT.
LIMITED: dict[str, object] = {
    **goes_on(PARTNER, max_age="1"),
    **comparable({"Access-Control-Allow-Methods": "GET, HEAD, OPTIONS"}),
}
UNLIMITED = goes_on(PARTNER, max_age="2", Access_Control_Allow_Credentials="true")


def under_load(
    reconfigure: Callable[[Policy], object],
    check: Callable[[], object],
    policies: tuple[Policy, Policy] = (TWO, ONE),
) -> None:
    """Call `check` in eight threads, and change the policy a hundred times meanwhile."""
    faults: list[BaseException] = []
    ended = threading.Event()
    ready = threading.Barrier(9)

    def work() -> None:
        try:
            ready.wait(60)
            while not ended.is_set():
                check()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(8)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    for thread in threads:
        thread.start()
    ready.wait(60)
    try:
        for _ in range(50):
            for policy in policies:
                reconfigure(policy)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(switch)
    assert not faults
