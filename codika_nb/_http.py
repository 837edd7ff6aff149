"""The HTTP library, imported in this one place so that moving to its successor stays one line."""

import httpx as httpx
