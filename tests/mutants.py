"""Mutants: modules with one small mistake, which a test should detect."""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
}
PAIRS = [
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("reduce_min", "reduce_max"),
    ("mean", "sum"),
    ("reduce_mean", "reduce_sum"),
    ("any", "all"),
    ("floor", "ceil"),
    ("zeros", "ones"),
    ("sin", "cos"),
]
NAMES = dict(PAIRS) | {b: a for a, b in PAIRS}
SPLITS = {"train": "test", "validation": "test", "test": "train"}
WITHOUT_EFFECT = {"strict", "encoding", "verbose", "flush", "reduce_retracing"}  # keywords
MODULE = "<module>"  # code that runs when a module is imported
MAX_SHOWN = 100  # characters of old and of new code


class Mutant(NamedTuple):
    """A change of one module.

    Attributes:
        file: Path relative to the project.
        line: Line of the change.
        function: Outermost function around it, or MODULE.
        change: Old and new code.
        mutate: Function that returns the changed source.
    """

    file: str
    line: int
    function: str
    change: str
    mutate: Callable[[], str]


class Place(NamedTuple):
    """The place of a node in a syntax tree: a field of its parent, or a position in its list."""

    parent: ast.AST
    field: str
    position: int | None

    def with_node(self, node: ast.AST | None) -> Any:
        """Return the value of the field with another node, or none, in this place."""
        value = getattr(self.parent, self.field)
        if self.position is None:
            return node
        return [*value[: self.position], *([node] if node else []), *value[self.position + 1 :]]


def find_mutants(file: str, source: str) -> list[Mutant]:
    """Return all mutants of a module.

    Args:
        file: Path of the module, relative to the project.
        source: Code of the module.
    """
    tree = ast.parse(source)
    functions, mutants = outermost_functions(tree), []
    for place, node in places(tree):
        line = getattr(node, "lineno", getattr(place.parent, "lineno", 1))
        for new in [*wrong_in_place(place, node), *wrong_by_kind(place, node)]:
            change, mutate = describe(place, node, new), partial(mutated, tree, place, new)
            mutants.append(Mutant(file, line, function_at(functions, line), change, mutate))
    return mutants


def replace_once(file: str, source: str, name: str, old: str, new: str) -> Mutant:
    """Return the mutant that has `new` instead of `old`, which must occur exactly once.

    Raises:
        ValueError: If it does not.
    """
    if source.count(old) != 1:
        raise ValueError(
            f"{file}: mutant {name!r}: expected {old!r} once, found {source.count(old)}"
        )
    line = source[: source.index(old)].count("\n") + 1
    function = function_at(outermost_functions(ast.parse(source)), line)
    return Mutant(file, line, function, name, partial(source.replace, old, new))


def outermost_functions(node: ast.AST) -> list[ast.FunctionDef]:
    """Return the functions and methods below a node, except nested ones."""
    functions = []
    for child in ast.iter_child_nodes(node):
        functions += [child] if isinstance(child, ast.FunctionDef) else outermost_functions(child)
    return functions


def function_at(functions: list[ast.FunctionDef], line: int) -> str:
    """Return the name of the function that contains a line, or MODULE."""
    for function in functions:
        if function.lineno <= line <= (function.end_lineno or 0):
            return function.name
    return MODULE


def mutated(tree: ast.Module, place: Place, new: ast.AST | None) -> str:
    """Return the code of a tree with another node in a place."""
    before = getattr(place.parent, place.field)
    setattr(place.parent, place.field, place.with_node(new))
    try:
        return ast.unparse(tree)
    finally:
        setattr(place.parent, place.field, before)


def describe(place: Place, node: ast.AST, new: ast.AST | None) -> str:
    """Return the code before and after a change, with its context if that is short."""
    around = place.parent
    if isinstance(around, ast.expr | ast.keyword) and len(ast.unparse(around)) <= MAX_SHOWN:
        changed = type(around)(
            **dict(ast.iter_fields(around)) | {place.field: place.with_node(new)}
        )
        return f"{ast.unparse(around)} -> {ast.unparse(changed)}"
    old_code, new_code = (
        " ".join(ast.unparse(each).split()) if each else "nothing" for each in (node, new)
    )
    return f"{old_code[:MAX_SHOWN]} -> {new_code[:MAX_SHOWN]}"


def places(node: ast.AST) -> Iterator[tuple[Place, ast.AST]]:
    """Yield each node below `node` that may be changed.

    Excluded are messages, annotations (except calls in them, which are the bounds of a schema), and
    code that runs only as a script or for a type checker.
    """
    for field, value in ast.iter_fields(node):
        if isinstance(node, ast.Raise | ast.JoinedStr) or field == "returns":
            continue
        if field == "annotation":
            for call in ast.walk(value) if isinstance(node, ast.AnnAssign) else []:
                if isinstance(call, ast.Call):
                    yield from places(call)
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if isinstance(child, ast.AST) and not is_left_out(child):
                yield Place(node, field, index if isinstance(value, list) else None), child
                yield from places(child)


def is_left_out(node: ast.AST) -> bool:
    """Return whether nothing in a node is to be changed."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test) or "__main__" in ast.unparse(node.test)
    return isinstance(node, ast.keyword) and node.arg in WITHOUT_EFFECT


def wrong_in_place(place: Place, node: Any) -> Iterator[ast.AST | None]:
    """Yield wrong versions of a node that depend on its place; None removes it."""
    if place.field in {"test", "ifs"} and not isinstance(node, ast.UnaryOp | ast.Compare):
        yield ast.UnaryOp(ast.Not(), node)
    if place.field in {"lower", "upper"}:
        yield None
        if not isinstance(node, ast.UnaryOp | ast.Constant):
            yield ast.BinOp(node, ast.Add(), ast.Constant(1))
    if isinstance(place.parent, ast.List) and isinstance(node, ast.Call):
        yield None
    if isinstance(node, ast.keyword):
        yield None
    if is_droppable(node):
        yield ast.Pass()


def wrong_by_kind(place: Place, node: ast.AST) -> Iterator[ast.AST]:
    """Yield wrong versions of a node that depend on its type."""
    match node:
        case ast.Compare(ops=[operation]):
            yield ast.Compare(node.left, [COMPARISONS[type(operation)]()], node.comparators)
        case ast.BinOp() if type(node.op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        case ast.AugAssign() if type(node.op) in OPERATORS:
            yield ast.AugAssign(node.target, OPERATORS[type(node.op)](), node.value)
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.BoolOp(other, node.values)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield node.operand
        case ast.Constant():
            yield from map(ast.Constant, other_constants(place, node.value))
        case ast.Name() if place.field == "func" and node.id in NAMES:
            yield ast.Name(NAMES[node.id], node.ctx)
        case ast.Attribute() if place.field == "func" and node.attr in NAMES:
            yield ast.Attribute(node.value, NAMES[node.attr], node.ctx)
        case ast.Call():
            yield from swapped_arguments(node)


def is_droppable(node: ast.AST) -> bool:
    """Return whether the code still runs without a statement."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            used = {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
            return name in used
    return isinstance(node, ast.AugAssign | ast.Raise | ast.Continue | ast.Break)


def other_constants(place: Place, value: Any) -> list[Any]:
    """Return wrong values for a constant."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        if getattr(place.parent, "arg", None) == "axis":
            return [1 - value] if value in {0, 1} else [0]
        signs = [] if isinstance(place.parent, ast.UnaryOp) or not value else [-value]
        return [value + 1, *signs]
    return [SPLITS[value]] if isinstance(value, str) and value in SPLITS else []


def swapped_arguments(node: ast.Call) -> Iterator[ast.Call]:
    """Yield calls with two consecutive arguments in the wrong order."""
    for index in range(len(node.args) - 1):
        first, second = node.args[index : index + 2]
        starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
        if not starred and ast.unparse(first) != ast.unparse(second):
            args = [*node.args[:index], second, first, *node.args[index + 2 :]]
            yield ast.Call(node.func, args, node.keywords)
