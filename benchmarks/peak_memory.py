"""Trains in a process of its own and prints the most memory it ever held."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.nets import BATCH, build, images
from trainlab.training import fit

trainer, count = sys.argv[1], int(sys.argv[2])
x, y = images(count)
model = build("sgd")
if trainer == "ours":
    fit(model, x, y, batch_size=BATCH, epochs=2, verbose=0)
else:
    model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)
# Not getrusage: its maximum begins with that of the parent process.
status = Path("/proc/self/status").read_text()
peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps({"peak_gb": peak_kb / 2**20}))
