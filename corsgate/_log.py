"""Lines in the log: no request depends on them, and no client can forge one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from logging import Logger

INFO, WARNING, ERROR = 20, 30, 40  # of the module logging, which is slow to import


def log(
    level: int,
    text: str,
    *values: object,
    logger: Logger | None = None,
    error: BaseException | None = None,
    extra: Mapping[str, object] | None = None,
) -> None:
    """Log a line; never raises because a handler or a filter of the user's does.

    Of that, `logging` says what it says of its own handlers: all on stderr, or nothing.

    :param text: may have places for the values, which are escaped already.
    :param logger: default: `corsgate`.
    :param error: to be logged with its traceback.
    :param extra: fields of the record, for structured logs.
    """
    import logging

    logger = logging.getLogger("corsgate") if logger is None else logger
    try:
        if error is None:
            logger.log(level, text, *values, extra=extra, stacklevel=2)
        elif logger.isEnabledFor(level):
            file, line, function, _ = logger.findCaller(stacklevel=2)
            raised = type(error), error, error.__traceback__
            record = logger.makeRecord(
                logger.name, level, file, line, text, values, raised, function, extra
            )
            record.exc_text = _show_traceback(error)  # so that no formatter writes its own
            logger.handle(record)
    except Exception:
        record = logging.makeLogRecord({"msg": text, "args": values})
        logging.Handler().handleError(record)


def _show_traceback(error: BaseException) -> str:
    """A traceback with no line that looks like one of the log: the text may be a client's."""
    from traceback import format_exception

    first, *lines = "".join(format_exception(error)).rstrip("\n").split("\n")
    return "\n".join([first, *(f"  {_printable(line)}" for line in lines)])


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
