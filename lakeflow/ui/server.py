"""One process that shows a lake in a browser until it is told to end."""

from __future__ import annotations

import gc
import os
import signal
import socket
import ssl
import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, closing, contextmanager, redirect_stdout
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from lakeflow.core.errors import ConfigError, UsageError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.table import MAIN
from lakeflow.core.values import dataclass
from lakeflow.lake.keeping.environments import environment_meant
from lakeflow.project import find_root, load_settings
from lakeflow.ui import built
from lakeflow.ui.ahead import kept_ahead
from lakeflow.ui.app import Site, application, site
from lakeflow.ui.guard import LOOPBACK, Access
from lakeflow.ui.kept import SeenLake
from lakeflow.ui.rows.lake import SECONDS

TOKEN: Final = "LAKEFLOW_UI_TOKEN"  # noqa: S105 - the name of a variable
_LEAST: Final = 16
"""Characters of a token."""
_SOON: Final = 3
"""Seconds that requests at work have to end."""
Say = Callable[[str], None]
Refused = Callable[[str, int, OSError], UsageError]


@dataclass(frozen=True)
class Certificate:
    """The files of a TLS certificate and of its key."""

    certificate: str
    key: str


@dataclass(frozen=True)
class UiOptions:
    """What is shown, and where. `port` 0 is any that is free. `insecure` says that another address than this machine's
    own may be used without TLS: something before it cares for that. With `acts` runs may be decided about.
    Rows may be asked for so many `seconds`.
    """

    path: str = "."
    settings: Mapping[str, str] = EMPTY
    host: str = "127.0.0.1"
    port: int = 0
    tls: Certificate | None = None
    insecure: bool = False
    opens: bool = False
    acts: bool = False
    seconds: float = SECONDS


def show(options: UiOptions, say: Say) -> str:
    """Show the lake until SIGTERM or Ctrl-C; the address where it was shown.

    UsageError for a port that is taken, for an address of others without a token, or without TLS, and for what cannot
    name an environment. ConfigError for a token that can be guessed, and for settings that cannot be read.
    """
    access, root = access_of(options, os.environ), find_root(Path(options.path))
    ended = Event()
    with ExitStack() as stack:
        listener = stack.enter_context(bound(options.host, options.port))
        stack.enter_context(chdir(root))  # relative paths in SQL begin here
        stack.enter_context(redirect_stdout(sys.stderr))  # what user code prints is no answer
        stack.enter_context(_asked_to_end(ended.set))
        pages = site(SeenLake(root, _placed(root, options.settings)), access, options.seconds)
        stack.callback(pages.close)
        _look_first(pages)
        address = address_of(listener, options)
        stack.enter_context(answering(application(pages), listener, options.tls))
        say(f"{address}  (Ctrl-C ends)")
        stack.enter_context(kept_ahead(pages.kept, pages.looks))
        if options.opens:
            webbrowser.open(address)
        while not ended.wait(1.0):
            pass
    return address


def _look_first(pages: Site) -> None:
    """Begin the first look before anybody can ask. What it reads stays, and is not searched for garbage: that took a
    third of this look, and a fifth of each later one.
    """

    def settled() -> None:
        gc.freeze()
        gc.enable()

    gc.disable()
    pages.ahead()
    pages.looks.submit(settled)


def build(options: UiOptions, directory: Path) -> tuple[Path, ...]:
    """Write the pages without rows as files; what was written."""
    root = find_root(Path(options.path))
    place = directory.absolute()
    with chdir(root), redirect_stdout(sys.stderr), closing(SeenLake(root, _placed(root, options.settings))) as kept:
        return built.build(kept, place)


def _placed(root: Path, settings: Mapping[str, str]) -> Mapping[str, str]:
    """The settings with the environment that they mean now, by its name: whichever git branch is checked out later, no
    page shows one under the name of another. UsageError for what cannot be a name.
    """
    values, _ = load_settings(root, os.environ, settings)
    return {**settings, "env": environment_meant(values, root) or MAIN}


def access_of(options: UiOptions, environment: Mapping[str, str]) -> Access:
    """Who may ask by which names. Fails where others could read, or listen to, what they should not."""
    password = environment.get(TOKEN, "")
    if password and len(password) < _LEAST:
        raise ConfigError(f"{TOKEN} has fewer than {_LEAST} characters", hint="`openssl rand -hex 24` makes one")
    if is_own(options.host):
        return Access(LOOPBACK | _names(options.host), password, options.tls is not None, acts=options.acts)
    if not password:
        hint = f"set {TOKEN} to a secret, or leave --host out: then only this machine is answered"
        raise UsageError(f"{options.host} is an address that others reach, and nobody is asked for a token", hint=hint)
    if options.tls is None and not options.insecure:
        hint = "give --tls-cert and --tls-key, or --insecure where a proxy with TLS stands before it"
        raise UsageError(f"without TLS everybody on the way to {options.host} reads along", hint=hint)
    secure = options.tls is not None
    return Access(LOOPBACK | _names(options.host), password, secure, not secure, options.acts)


def is_own(host: str) -> bool:
    """Is that an address that only this machine reaches?"""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _names(host: str) -> frozenset[str]:
    """By which names a server on that address is asked: its own, and for all addresses this machine's name."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - the user has asked for it
        names = {socket.gethostname().lower(), socket.getfqdn().lower()}
        return frozenset({*names, *_addresses()})
    return frozenset({f"[{host}]" if ":" in host else host.lower()})


def _addresses() -> Iterator[str]:
    for family, *_, address in socket.getaddrinfo(socket.gethostname(), None):
        if family in {socket.AF_INET, socket.AF_INET6}:
            yield f"[{address[0]}]" if ":" in str(address[0]) else str(address[0])


@contextmanager
def bound(host: str, port: int, refused: Refused | None = None) -> Iterator[socket.socket]:
    """A socket that listens there. UsageError, in the words of `refused`, where it cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise (refused or _refused_port)(host, port, error) from error
    try:
        yield listener
    finally:
        listener.close()


def _refused_port(host: str, port: int, error: OSError) -> UsageError:
    return UsageError(
        f"port {port} of {host} cannot be listened on: {error.strerror or error}",
        hint="another process may stand there: `--port 0` takes any that is free",
    )


def address_of(listener: socket.socket, options: UiOptions) -> str:
    name = f"[{options.host}]" if ":" in options.host else options.host
    return f"http{'s' if options.tls else ''}://{name}:{listener.getsockname()[1]}/"


@contextmanager
def answering(app: ASGIApp, listener: socket.socket, tls: Certificate | None = None) -> Iterator[None]:
    """Answer on the socket, in a thread beside the caller's. UsageError for a certificate that cannot be used."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses hold what people ask for
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_SOON,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"the certificate cannot be used: {error}", hint="--tls-cert and --tls-key name PEM files"
        ) from None
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="pages", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _asked_to_end(end: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C end it: nothing is lost by that."""

    def asked(_number: int, _frame: FrameType | None) -> None:
        end()

    before: dict[int, Any] = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
