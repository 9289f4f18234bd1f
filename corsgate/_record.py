"""The base of corsgate's frozen values; imports nothing.

The standard library's dataclasses would do, but importing them takes longer than everything
else in the core together.
"""

# As that of `typing`, which takes long to import too. Public modules import it from here, since
# editors offer what a module defines by itself.
TYPE_CHECKING = False


class Record:
    """A frozen, slotted value: compared, shown, copied and pickled by its `_fields`."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __setstate__(self, state: tuple[None, dict[str, object]]) -> None:
        self._set(**state[1])  # what copy and pickle make of slots
