"""The kernel: the modules that every tick goes through, which an installation may have compiled.

`setup.py` names them and says when. They are the same files either way.
"""

from verifill.engine import executor

COMPILED = not executor.__file__.endswith(".py")
KIND = "compiled" if COMPILED else "interpreted"
