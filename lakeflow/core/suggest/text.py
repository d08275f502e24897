"""Proposed checks as Python: a file of their own, or put into the list of a file that stands already.

What an author wrote stays, byte by byte. The file is read and never executed.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Sequence
from itertools import chain, takewhile
from typing import Any, Final

from lakeflow.core.suggest.proposal import LIBRARY, OURS, Proposal
from lakeflow.core.values import dataclass

_IMPORT: Final = (ast.Import, ast.ImportFrom)
_WIDTH: Final = 120
_INDENT: Final = " " * 4
_LIST: Final = "expectations"
_LIBRARY_MODULE: Final = "great_expectations.expectations"
_IMPORTS: Final = {
    LIBRARY: f"import {_LIBRARY_MODULE} as {LIBRARY}",
    OURS: f"from lakeflow import expectations as {OURS}",
}


class NotAListError(Exception):
    """The file does not bind one plain list of expectations, so nothing can be put into it."""


def items(proposals: Iterable[Proposal], names: dict[str, str] | None = None) -> str:
    """The items of a list, each below a comment with its evidence."""
    called = names or {}
    return "".join(f"{_INDENT}# {_evidence(each)}\n{code(each, called.get(each.module))}" for each in proposals)


def code(proposal: Proposal, module: str | None = None) -> str:
    """One item of a list, as a formatter would write it."""
    arguments = [f"column={_literal(proposal.columns[0])}"] if _has_column(proposal) else []
    arguments += [f"{name}={_literal(value)}" for name, value in proposal.arguments.items()]
    arguments += [f'severity="{proposal.severity}"'] if proposal.severity != "critical" else []
    call = f"{module or proposal.module}.{proposal.expectation}"
    line = f"{_INDENT}{call}({', '.join(arguments)}),\n"
    if len(line) <= _WIDTH + 1 and line.count("\n") == 1:
        return line
    inner = "".join(_argument(each) for each in arguments)
    return f"{_INDENT}{call}(\n{inner}{_INDENT}),\n"


def _has_column(proposal: Proposal) -> bool:
    return len(proposal.columns) == 1 and "unexpected_rows_query" not in proposal.arguments


def _argument(text: str) -> str:
    """An argument on a line of its own; a long list has a line for each of its values."""
    line = f"{_INDENT * 2}{text},\n"
    name, _, value = text.partition("=")
    if len(line) <= _WIDTH + 1 or not value.startswith("["):
        return line
    values = "".join(f"{_INDENT * 3}{_literal(each)},\n" for each in ast.literal_eval(value))
    return f"{_INDENT * 2}{name}=[\n{values}{_INDENT * 2}],\n"


def new_file(proposals: Sequence[Proposal]) -> str:
    """A check file that holds these checks and nothing else."""
    imports = _needed(proposals)
    lines = "\n\n".join(_IMPORTS[module] for module in imports)
    return f"{lines}\n\n{_LIST} = [\n{items(proposals)}]\n"


def merged(text: str, proposals: Sequence[Proposal]) -> str:
    """The text with these checks at the end of its list; a file of check functions alone gets a list.

    NotAListError where it has another kind of list, or several.
    """
    if not proposals:
        return text
    tree = _parsed(text)
    found, names = _list_of(tree), _names(tree)
    new = {module: _IMPORTS[module] for module in _needed(proposals) if module not in names}
    for module in new.keys() & _bound(tree):
        raise NotAListError(f"{module} means something else in it")
    added = items(proposals, names)
    with_items = _place(text, found).with_items(added) if found else _with_list(text, added)
    whole = _with_imports(with_items, tree, tuple(new.values())) if new else with_items
    return _proved(found, whole, len(proposals))


def _with_list(text: str, added: str) -> str:
    end = _newline(text)
    said = f"\n\n{_LIST} = [\n{added}]\n" if text.strip() else f"{_LIST} = [\n{added}]\n"
    return f"{text.rstrip()}{end if text.strip() else ''}{said.replace(chr(10), end)}"


def _proved(before: ast.List | None, text: str, added: int) -> str:
    """The merged text, read again: it says what it said, and as many checks more, behind all that it imports."""
    tree = _parsed(text)
    old, new = before.elts if before else [], _list_of(tree)
    assert new is not None, "it has one now"
    imports = [node for node in tree.body if isinstance(node, _IMPORT)]
    same = [ast.dump(each) for each in new.elts[: len(old)]] == [ast.dump(each) for each in old]
    if not same or len(new.elts) != len(old) + added or _is_before_imports(new, imports):
        raise NotAListError("its list cannot be told from what stands around it")
    return text


def _is_before_imports(found: ast.List, imports: Sequence[ast.stmt]) -> bool:
    used = {
        node.value.id
        for node in ast.walk(found)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return any(
        node.lineno >= found.lineno and (alias.asname or alias.name.partition(".")[0]) in used
        for node in imports
        if isinstance(node, _IMPORT)
        for alias in node.names
    )


@dataclass(frozen=True)
class _Place:
    """Where a list ends in a text: `last` is the end of its last item (None: it has none), `close` its bracket."""

    text: str
    last: int | None
    close: int

    def with_items(self, added: str) -> str:
        end, head = _newline(self.text), self.text[: self.close]
        if self.last is not None and not self._has_comma:
            head = f"{self.text[: self.last]},{self.text[self.last : self.close]}"
        line_begins = head.rpartition("\n")[2]
        if not line_begins.strip():  # the bracket stands on a line of its own
            head, tail = head[: len(head) - len(line_begins)], line_begins
        else:
            head, tail = head.rstrip(" \t") + end, ""
        return f"{head}{added.replace(chr(10), end)}{tail}{self.text[self.close :]}"

    @property
    def _has_comma(self) -> bool:
        between = self.text[self.last : self.close]
        found = tokenize.generate_tokens(io.StringIO(f"({between})").readline)
        return any(token.type == tokenize.OP and token.string == "," for token in found)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise NotAListError(f"it is not Python: {error}") from None


def _list_of(tree: ast.Module) -> ast.List | None:
    """The one list literal that the file calls `expectations`; None where nothing has that name."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in {_LIST, "globals", "exec"}]
    imported = {
        alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, _IMPORT) for alias in node.names
    }
    values = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and _binds(node)]
    if not names and not imported & {_LIST, "*"}:
        return None
    if len(names) > 1 or len(values) != 1 or not isinstance(values[0], ast.List) or imported & {_LIST, "*"}:
        raise NotAListError(f"its {_LIST} are not one plain list")
    if not all(isinstance(each, ast.Call) for each in values[0].elts):
        raise NotAListError(f"its {_LIST} hold more than plain calls")
    return values[0]


def _binds(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == _LIST


def _place(text: str, found: ast.List) -> _Place:
    starts = _line_starts(text)
    assert found.end_lineno is not None
    assert found.end_col_offset is not None
    close = _offset(text, starts, found.end_lineno, found.end_col_offset) - 1
    if not found.elts:
        return _Place(text, None, close)
    last = found.elts[-1]
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    end = _offset(text, starts, last.end_lineno, last.end_col_offset)
    return _Place(text, end + _closing(text[end:close]), close)


def _closing(between: str) -> int:
    """How many characters of parentheses around the last item follow it: `(f(x))` ends later than its call."""
    end = 0
    while between[end:].lstrip().startswith(")"):
        end += len(between[end:]) - len(between[end:].lstrip()) + 1
    return end


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in io.StringIO(text, newline="").readlines():
        starts.append(starts[-1] + len(line))
    return starts


def _offset(text: str, starts: Sequence[int], line: int, byte: int) -> int:
    """The place of a byte of a line, as Python's parser counts them, among the characters of the text."""
    begin = starts[line - 1]
    return begin + len(text[begin : starts[line]].encode()[:byte].decode())


def _names(tree: ast.Module) -> dict[str, str]:
    """Under which names the file has the modules of expectations already."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == _LIBRARY_MODULE:
                    found[LIBRARY] = alias.asname or alias.name
                elif alias.name == "great_expectations":
                    found.setdefault(LIBRARY, f"{alias.asname or alias.name}.expectations")
                elif alias.name == "lakeflow.expectations" and alias.asname:
                    found[OURS] = alias.asname
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                module = {"great_expectations": LIBRARY, "lakeflow": OURS}.get(node.module or "")
                if module and alias.name == "expectations":
                    found[module] = alias.asname or alias.name
    return {module: name for module, name in found.items() if name.partition(".")[0] not in _bound(tree)}


def _bound(tree: ast.Module) -> frozenset[str]:
    """The names that the file binds other than by an import of expectations."""
    stored = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    defined = (
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    )
    others = (
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, _IMPORT)
        for alias in node.names
        if not _is_ours(node, alias)
    )
    return frozenset(chain(stored, defined, others))


def _is_ours(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
    if isinstance(node, ast.Import):
        return alias.name in {_LIBRARY_MODULE, "great_expectations", "lakeflow.expectations"}
    return node.module in {"great_expectations", "lakeflow"} and alias.name == "expectations" and not node.level


def _with_imports(text: str, tree: ast.Module, lines: Sequence[str]) -> str:
    """The imports stand behind those at the top of the file, or behind its first words where it has none."""
    head = [node for _, node in takewhile(lambda each: _leads(*each), enumerate(tree.body))]
    end = _newline(text)
    after = max((node.end_lineno or 0 for node in head), default=0)
    starts = _line_starts(text)
    at = starts[min(after, len(starts) - 1)]
    only_words = bool(head) and not any(isinstance(node, _IMPORT) for node in head)
    lead = end if only_words or (text[:at] and not text[:at].endswith("\n")) else ""
    tail = "" if head and not only_words else end
    return f"{text[:at]}{lead}{end.join(lines)}{end}{tail}{text[at:]}"


def _leads(place: int, node: ast.stmt) -> bool:
    docstring = place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, _IMPORT)


def _needed(proposals: Iterable[Proposal]) -> list[str]:
    used = {each.module for each in proposals}
    return [module for module in _IMPORTS if module in used]


def _evidence(proposal: Proposal) -> str:
    said = f"{proposal.evidence}; close to failing" if proposal.close else proposal.evidence
    return " ".join(said.split())


def _literal(value: Any) -> str:
    """A literal with the quotes that a formatter chooses."""
    match value:
        case str():
            if "\n" in value and value.endswith(" ") and '"""' not in value and "\\" not in value:
                return f'"""{value}"""'
            text = repr(value)
            if "\\" in value and '"' not in value and value.isprintable():
                return f'r"{value}"' if not value.endswith("\\") else text
            return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text and "\\'" not in text else text
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case int() if abs(value) >= 10_000:
            return f"{value:_}"
    return repr(value)
