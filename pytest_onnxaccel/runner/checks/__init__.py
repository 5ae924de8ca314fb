"""How each built-in check is run: what it needs is opened, and what follows its verdict is done.

One file per check, with ``run(context)``; the verdict itself is made by the pure functions of
:mod:`pytest_onnxaccel.checks`.
"""
