"""The script that shows a parity failure again, without this plugin."""

from __future__ import annotations

SCRIPT = '''"""Shows the difference again. Needs NumPy and the runtimes named in SIDES:

    python repro.py

Exit status: 1 when the two sides differ past the tolerance, 0 when they agree.
"""
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent
FLOATS = {{"tensor(float16)": "f2", "tensor(float)": "f4", "tensor(double)": "f8"}}
{settings}


def load(name):
    with np.load(FOLDER / name) as file:
        return {{key: file[key] for key in file.files}}


def run(side, model, inputs, recorded):
    """Outputs by name of *model*, from the side's runtime; what was recorded where it has none here."""
    runtime, optimize = side["runtime"], side["optimize"]
    if runtime == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if not optimize:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(str(FOLDER / model), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        wanted = {{value.name: FLOATS.get(value.type) for value in session.get_inputs()}}
        feeds = {{
            name: array.astype(wanted[name]) if wanted[name] and array.dtype.kind == "f" else array
            for name, array in inputs.items()
            if name in wanted
        }}
        return dict(zip(names, session.run(names, feeds)))
    if runtime == "onnx.reference":
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(str(FOLDER / model))
        feeds = {{name: array for name, array in inputs.items() if name in evaluator.input_names}}
        with np.errstate(all="ignore"):
            return dict(zip(evaluator.output_names, map(np.asarray, evaluator.run(None, feeds))))
    return load(recorded)


def named(name):
    """*name* as text that no CI service takes for a command."""
    return repr(name).replace("##", "# #")


def show(title, sides, pairs):
    """Print how far *pairs* of outputs are apart; whether any is past its tolerance."""
    print(title)
    wrong = False
    for ours, theirs, rtol, atol in pairs:
        a, b = sides[0][ours], sides[1][theirs]
        if a.shape != b.shape or (a.dtype != b.dtype and {{a.dtype.kind, b.dtype.kind}} != {{"f"}}):
            print(f"  {{named(ours)}}: {{a.dtype}}{{a.shape}} against {{b.dtype}}{{b.shape}}")
            wrong = True
            continue
        if a.dtype.kind in "OSU":
            differing = int(np.count_nonzero(a != b))
            print(f"  {{named(ours)}}: {{differing}} texts differ")
            wrong = wrong or differing > 0
            continue
        x, y = np.atleast_1d(a).astype("f8"), np.atleast_1d(b).astype("f8")
        with np.errstate(all="ignore"):
            apart = np.abs(x - y)
            apart[(x == y) | (np.isnan(x) & np.isnan(y))] = 0
            apart[np.isnan(apart)] = np.inf
            past = apart > atol + rtol * np.where(np.isfinite(y), np.abs(y), 0)
        place = np.unravel_index(int(np.argmax(apart)), apart.shape) if apart.size else ()
        print(f"  {{named(ours)}}: max abs difference {{apart.max(initial=0):.9g}} at {{tuple(map(int, place))}}, "
              f"{{np.count_nonzero(past)}} of {{past.size}} elements past atol {{atol:g}} + rtol {{rtol:g}}")
        if apart.size:
            print(f"    candidate {{x[place]:.9g}}, reference {{y[place]:.9g}}")
        wrong = wrong or bool(past.any())
    return wrong


def main():
    for which, side in SIDES.items():
        how = side["runtime"] or "as recorded: its runtime is not called from here"
        print(f"{{which}}: {{side['label']}}, {{side['model'] or 'no file'}} ({{how}})")
    ours, theirs = SIDES["candidate"], SIDES["reference"]
    inputs = load("inputs.npz")
    sides = run(ours, ours["model"], inputs, "candidate.npz"), run(theirs, theirs["model"], inputs, "reference.npz")
    wrong = show("outputs:", sides, OUTPUTS)
    if REDUCED:
        sides = (
            run(ours, REDUCED["candidate"], load("reduced-candidate-inputs.npz"), "reduced-candidate.npz"),
            run(theirs, REDUCED["reference"], load("reduced-reference-inputs.npz"), "reduced-reference.npz")
            if REDUCED["reference"]
            else load("reduced-reference.npz"),
        )
        show(f"{{REDUCED['title']}} alone, both sides fed the same:", sides, [REDUCED["pair"]])
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
'''


def script(sides: dict[str, object], outputs: list[tuple[str, str, float, float]], reduced: dict[str, object]) -> str:
    """Return ``repro.py`` for two *sides*.

    Args:
        sides: by ``candidate`` and ``reference``: ``label``, ``model`` (a file of the folder), ``runtime``
            (``onnxruntime``, ``onnx.reference`` or empty), ``optimize``.
        outputs: name on each side, rtol and atol.
        reduced: ``title``, file by side, ``pair`` as one of *outputs*; empty where nothing was reduced.
    """
    settings = "\n".join(f"{name} = {value!r}" for name, value in _named(sides, outputs, reduced).items())
    return SCRIPT.format(settings=settings)


def _named(sides: object, outputs: object, reduced: object) -> dict[str, object]:
    return {"SIDES": sides, "OUTPUTS": outputs, "REDUCED": reduced}
