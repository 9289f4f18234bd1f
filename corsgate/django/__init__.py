"""CORS for Django: `"corsgate.django.CORSMiddleware"` in `MIDDLEWARE`, `@cors(...)` for views."""

from .._settings import refuse_names
from .decorator import cors
from .middleware import CORSMiddleware

__all__ = ["CORSMiddleware", "cors"]
__getattr__ = refuse_names(__name__, {"CorsMiddleware": "CORSMiddleware"})
