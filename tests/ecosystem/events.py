"""TensorBoard's own reader on the event files of --tensorboard.
usage: events.py scalars FOLDER LINES    scalars equal the lines of metrics, by their step or iteration
       events.py texts FOLDER RECORDS    the text plugin's table shows the records' texts as they are
       events.py there                   whether TensorBoard is there"""

import html
import json
import re
import sys

import numpy


def accumulated(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    return events


def value(events, event):
    return float(numpy.float32(event.value))


def scalars(folder, lines):
    events = accumulated(folder)
    want = {}
    for line in map(json.loads, open(lines, encoding="utf-8")):
        step = line.get("step", line.get("iteration"))
        for tag, x in line.items():
            if tag not in ("step", "iteration", "update", "eps") and isinstance(x, (int, float)):
                want.setdefault(tag, []).append((step, float(numpy.float32(x))))
    got = {tag: [(e.step, value(events, e)) for e in events.Scalars(tag)]
           for tag in events.Tags()["scalars"] if tag != "eps"}
    assert want and got == want, (got, want)


def texts(folder, records):
    from tensorboard.plugins.text.text_plugin import text_array_to_html
    from tensorboard.util.tensor_util import make_ndarray

    events = accumulated(folder)
    assert events.SummaryMetadata("samples").plugin_data.plugin_name == "text"
    table = make_ndarray(events.Tensors("samples")[-1].tensor_proto)
    page = text_array_to_html(table, True)
    rows = sorted(map(json.loads, open(records, encoding="utf-8")), key=lambda r: r["id"])[:4]
    cells = [re.sub(r"<br ?/?>\n?", "\n", c) for c in re.findall(r"<td>\s*<p>(.*?)</p>\s*</td>", page, re.S)]
    plain = [re.sub(" +$", "", html.unescape(c).replace("\N{NO-BREAK SPACE}", " "), flags=re.M) for c in cells]
    want = ["<strong>prompt</strong>", "<strong>response</strong>", "<strong>reward</strong>"]
    for r in rows:
        want += [r["prompt"], r["response"], f"{r['reward']:g}"]
    assert plain == want, (plain, want)


if sys.argv[1] == "there":
    from tensorboard.plugins.text import text_plugin  # noqa: F401
else:
    {"scalars": scalars, "texts": texts}[sys.argv[1]](*sys.argv[2:])
