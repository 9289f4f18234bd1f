"""CORS for Django: `"corsgate.django.CORSMiddleware"` in `MIDDLEWARE`, `@cors(...)` for views."""

from typing import TYPE_CHECKING

from .._settings import refuse_names
from .decorator import cors
from .middleware import CORSMiddleware

__all__ = ["CORSMiddleware", "cors"]

if not TYPE_CHECKING:  # so that a type checker sees a wrong name by itself
    __getattr__ = refuse_names(__name__, {"CorsMiddleware": "CORSMiddleware"})


def __dir__() -> list[str]:
    return __all__
