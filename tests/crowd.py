"""Sixteen threads that send requests at the same time, for tests of what requests share."""

import sys
import threading
from collections.abc import Callable

THREADS = 16


def send_all(ask: Callable[[int, int], object], requests: int) -> list[object]:
    """Call `ask(thread, number)` for so many requests in all; gives the errors, first of all.

    What a thread raises ends that thread, and is one of the errors.
    """
    errors: list[object] = []
    ready = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        ready.wait()
        try:
            for number in range(thread, requests, THREADS):
                ask(thread, number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=[thread]) for thread in range(THREADS)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    return errors
