"""Pictures of dashboards, from the answers that a test on a real Prometheus has written: plot.py ANSWERS FOLDER."""

import json
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

COLUMNS, WIDTH, UNIT, DPI = 24, 17.0, 0.25, 75
GRAY, RED = "#666666", "#c4162a"


def main():
    answers, folder = Path(sys.argv[1]), Path(sys.argv[2])
    data = json.loads(answers.read_text())
    begin = min(first_time(answer) for answer in data["answers"].values())
    for dashboard in data["dashboards"]:
        draw(dashboard, data["answers"], begin, folder)


def first_time(answer):
    return min((float(entry["values"][0][0]) for entry in answer if "values" in entry), default=float("inf"))


def draw(dashboard, answers, begin, folder):
    panels = dashboard["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height = (rows + 2) * UNIT
    figure = plt.figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    figure.text(0.012, 1 - 0.35 / height, dashboard["title"], fontsize=13, weight="bold", va="center")
    for panel in panels:
        place = panel["gridPos"]
        top = height - (place["y"] + 2) * UNIT
        left = place["x"] / COLUMNS * WIDTH
        if panel["type"] == "row":
            figure.text((left + 0.2) / WIDTH, (top - UNIT / 2) / height, panel["title"], fontsize=11, va="center", color=GRAY)
            continue
        box = (left + 0.6, top - place["h"] * UNIT + 0.35, place["w"] / COLUMNS * WIDTH - 0.75, place["h"] * UNIT - 0.75)
        axes = figure.add_axes((box[0] / WIDTH, box[1] / height, box[2] / WIDTH, box[3] / height))
        axes.set_title(panel["title"], fontsize=9, loc="left")
        series = [one for target in panel["targets"] for one in named(target, answers[target["expr"]])]
        SHAPES[panel["type"]](axes, panel, series, begin)
    write(figure, folder / re.sub(r"-[0-9a-f]{10}$", "", dashboard["uid"]))


def named(target, answer):
    """Pairs of what Grafana calls a series, and the series."""
    for entry in answer:
        label = re.sub(r"{{\s*(\w+)\s*}}", lambda found: entry["metric"].get(found[1], ""), target["legendFormat"])
        yield label, entry


def points(entry, begin):
    values = [(float(time) - begin, float(value)) for time, value in entry["values"]]
    return [time for time, _ in values], [value for _, value in values]


def lines(axes, panel, series, begin):
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["custom"]["stacking"]["mode"] == "normal":
        stack(axes, series, begin)
    else:
        for label, entry in series:
            axes.plot(*points(entry, begin), linewidth=1.1, label=label)
    limits = [step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    highest = max((value for _, entry in series for value in points(entry, begin)[1]), default=0)
    axes.set_ylim(bottom=0, top=None if highest > 0 else 1)
    for limit in limits:
        if limit < axes.get_ylim()[1]:
            axes.axhline(limit, color=RED, linewidth=0.8, linestyle="--")
    frame(axes, defaults["unit"])
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(handles[:8], labels[:8], fontsize=6, loc="upper left", framealpha=0.6, borderpad=0.2, labelspacing=0.2)


def stack(axes, series, begin):
    times = sorted({time for _, entry in series for time in points(entry, begin)[0]})
    tables = [dict(zip(*points(entry, begin))) for _, entry in series]
    rows = [[table.get(time, 0.0) for time in times] for table in tables]
    axes.stackplot(times, rows, labels=[label for label, _ in series], alpha=0.7, linewidth=0)


def states(axes, panel, series, begin):
    colors = {-1: "#cccccc", 0: "#8ab8ff", 1: "#56a64b"}
    for index, (_, entry) in enumerate(series):
        times, values = points(entry, begin)
        for time, value in zip(times, values):
            axes.barh(index, 1.02, left=time, height=0.8, color=colors.get(int(value), RED), linewidth=0)
    axes.set_yticks(range(len(series)), [label for label, _ in series], fontsize=6)
    axes.invert_yaxis()
    axes.text(1, 1.02, "green: true, blue: false, gray: unknown", fontsize=6, ha="right", transform=axes.transAxes, color=GRAY)
    clock(axes)


def stat(axes, panel, series, begin):
    defaults = panel["fieldConfig"]["defaults"]
    last = float(series[0][1]["values"][-1][1])
    words = {value: shown["text"] for mapping in defaults.get("mappings", []) for value, shown in mapping["options"].items()}
    text = words.get(f"{last:.0f}") or show(last, defaults["unit"])
    axes.plot(*points(series[0][1], begin), color="#8ab8ff", linewidth=0.8)
    axes.text(0.5, 0.5, text, fontsize=17, ha="center", va="center", transform=axes.transAxes)
    axes.set_axis_off()


def table(axes, panel, series, begin):
    axes.set_axis_off()
    names = sorted({name for _, entry in series for name in entry["metric"]}, reverse=True)
    cells = [[entry["metric"].get(name, "")[:34] for name in names] for _, entry in series]
    drawn = axes.table(cellText=cells, colLabels=names, loc="upper center", cellLoc="left")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(7)


SHAPES = {"timeseries": lines, "state-timeline": states, "stat": stat, "table": table}


def frame(axes, unit):
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value, unit)))
    axes.grid(True, linewidth=0.3)
    clock(axes)


def clock(axes):
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{int(value) // 60}:{int(value) % 60:02}"))
    axes.tick_params(labelsize=6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def show(value, unit):
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{value * 1000:.3g} ms" if abs(value) >= 0.001 else f"{value * 1e6:.3g} µs"
    if unit == "bytes":
        for name in ("B", "KiB", "MiB"):
            if abs(value) < 1024:
                return f"{value:.4g} {name}"
            value /= 1024
        return f"{value:.3g} GiB"
    per_second = {"cps": "/s", "eps": "/s", "mps": "/s", "reqps": "/s", "s": " s"}
    return f"{value:.4g}{per_second.get(unit, '')}"


def write(figure, path):
    """With few colors, so that it stays small."""
    file = path.with_suffix(".png")
    figure.savefig(file)
    plt.close(figure)
    Image.open(file).convert("RGB").quantize(64).save(file, optimize=True)
    print(file, file.stat().st_size)


main()
