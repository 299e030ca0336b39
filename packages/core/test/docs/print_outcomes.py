"""Runs programs one after the other, and prints as JSON what each has printed, and how it failed."""

import contextlib
import io
import json
import runpy
import sys
import traceback

outcomes = []
for file in sys.argv[1:]:
    output, error = io.StringIO(), None
    with contextlib.redirect_stdout(output):
        try:
            runpy.run_path(file)
        except Exception:
            error = traceback.format_exc()
    outcomes.append({"output": output.getvalue().strip(), "error": error})
print(json.dumps(outcomes))
