"""Programs that are wrong in one place: every small mistake that a source file could have had.

What is not made: mistakes in sentences (strings with a blank, parts of f-strings), in types, and in docstrings. They
are held by reading.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType

BESIDE: Mapping[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitAnd: (ast.BitOr,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
"""An operator and those that a hurried hand writes instead."""

TYPES = ("annotation", "returns", "type_params")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A wrong program. `change` shows the place as it should be and as it is, with what stands around it."""

    line: int
    change: str
    code: CodeType


def mutants(source: str, filename: str) -> Iterator[Mutant]:
    """Every wrong program of `source`, from above to below, each with one mistake."""
    tree = ast.parse(source)
    for place in list(_places(tree, tree)):
        right, before = place.node, ast.unparse(place.statement)
        line = getattr(right, "lineno", getattr(place.parent, "lineno", 0))
        for wrong in _mistakes(right, place.parent):
            place.put(wrong)
            change = _change(before, ast.unparse(wrong if right is place.statement else place.statement))
            code = compile(ast.fix_missing_locations(tree), filename, "exec")
            place.put(right)
            yield Mutant(line=line, change=change, code=code)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where `node` hangs: the field of its parent, which of a list, and the statement that all this is in."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    statement: ast.AST

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def _places(parent: ast.AST, statement: ast.AST) -> Iterator[_Place]:
    """Every place of the tree below `parent` that may be wrong, from above to below."""
    for field, held in ast.iter_fields(parent):
        nodes: Sequence[object] = held if isinstance(held, list) else [held]
        for index, node in enumerate(nodes if field not in TYPES else ()):
            if not isinstance(node, ast.AST) or _is_words(node, parent):
                continue
            around = node if isinstance(node, ast.stmt) else statement
            at = index if isinstance(held, list) else None
            yield _Place(node=node, parent=parent, field=field, index=at, statement=around)
            yield from _places(node, around)


def _is_words(node: ast.AST, parent: ast.AST) -> bool:
    """Whether a node is a docstring, a part of an f-string, the name of a type, or what `zip` is told to watch."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assign(value=ast.Subscript(value=ast.Name(id="Literal" | "Union"))):
            return True
        case ast.Constant():
            return isinstance(parent, ast.JoinedStr)
        case ast.keyword(arg="strict"):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _change(before: str, after: str, around: int = 40) -> str:
    """Both, cut to where they differ and to what stands around it, on one line."""
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    cut = [text[max(0, start - around) : len(text) - max(0, end - around)] for text in (before, after)]
    return " → ".join(" ".join(text.split()) for text in cut)


def _mistakes(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    for other in BESIDE.get(type(node), ()):
        yield other()
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(2 * value or 1.0)
        case ast.Constant(value=str(value)) if value and " " not in value:
            yield ast.Constant(f"X{value}")
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Expr() | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
    if isinstance(node, ast.expr) and _is_condition(node, parent):
        yield ast.UnaryOp(ast.Not(), node)


def _is_condition(node: ast.expr, parent: ast.AST) -> bool:
    """Whether a branch hangs on `node`, and no other mistake turns it around."""
    if isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
        return False
    asked = isinstance(parent, ast.If | ast.IfExp | ast.While) and parent.test is node
    return asked or (isinstance(parent, ast.comprehension) and node in parent.ifs)


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right),
        min(len(one), len(other)),
    )
