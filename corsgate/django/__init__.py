"""CORS for Django: `"corsgate.django.CORSMiddleware"` in `MIDDLEWARE`, `@cors(...)` for views."""

from .middleware import CORSMiddleware, cors

__all__ = ["CORSMiddleware", "cors"]
