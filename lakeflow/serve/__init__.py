"""One process that keeps a lake as it is declared. `core.serve` decides, the lake's own runs act."""

from lakeflow.serve.service import Options, serve, serve_once

__all__ = ["Options", "serve", "serve_once"]
