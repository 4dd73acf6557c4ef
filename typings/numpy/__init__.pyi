# What pyright needs of numpy, which is not installed: polars names it in the types of its
# arguments, and without a definition every call of polars is partially unknown.

from typing import Generic, TypeVar

_Shape = TypeVar("_Shape")
_Kind = TypeVar("_Kind")

class ndarray(Generic[_Shape, _Kind]): ...  # noqa: N801 - numpy's own name
