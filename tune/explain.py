"""Says how the search for a kernel's schedule went: a table, and a page of HTML with a picture."""

import html

MOST_ROWS = 20
WIDTH, HEIGHT, MARGIN = 900, 320, 40
COLORS = {"faster": "#0a7d32", "not faster": "#c77700", "measured": "#1f5fbf", "cut": "#9a9a9a"}
FAILED = "#c01818"

PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px sans-serif; margin: 2em; max-width: 70em }} table {{ border-collapse: collapse }}
td, th {{ padding: 2px 10px; text-align: left; border-bottom: 1px solid #ddd }} td.number {{ text-align: right }} code {{ font-size: 12px }}
</style></head><body><h1>{title}</h1>
{sections}</body></html>
"""
HEAD = ("guessed us", "measured us", "of the default", "outcome", "schedules")


def cells(row):
    """What a table says of a try."""
    time = f"{row.ns / 1e3:.2f}" if row.ns else "-"
    ratio = f"{row.ratio:.3f}" if row.ns else "-"
    return f"{row.guess * row.default_ns / 1e3:.2f}", time, ratio, row.outcome, "; ".join(short(schedule) for schedule in row.schedules)


def short(schedule):
    return schedule.removeprefix("#lepton.schedule<algorithm = ").removesuffix(">")


def by_time(rows):
    return sorted(rows, key=lambda row: (row.ns is None, row.ratio or 0.0))


def summary(key, rows):
    counts = {}
    for row in rows:
        counts[row.outcome] = counts.get(row.outcome, 0) + 1
    best = by_time(rows)[0]
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    fastest = f"; the fastest took {best.ratio:.3f} of the default's {best.default_ns / 1e3:.2f} us" if best.ns else ""
    threads = f"{key.threads} thread{'s' if key.threads > 1 else ''}"
    return f"{rows[0].name} ({rows[0].kernel}) for {key.target} with {threads}: {len(rows)} tries: {outcomes}{fastest}"


def text(key, rows):
    """Lines about a kernel's tries, the fastest first."""
    table = [HEAD, *map(cells, by_time(rows)[:MOST_ROWS])]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    lines = [summary(key, rows)] + ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table]
    if len(rows) > MOST_ROWS:
        lines.append(f"and {len(rows) - MOST_ROWS} slower ones")
    return "\n".join(lines)


def picture(rows):
    """An SVG of the search over time: a dot for each try, the guess as a tick above or below it, and the best so far as a line."""
    timed = [row for row in sorted(rows, key=lambda row: row.at) if row.ns]
    if not timed:
        return ""
    top = min(2.0, max(1.1, *(max(row.ratio, row.guess) for row in timed)))
    bottom = min(0.9, *(min(row.ratio, row.guess) for row in timed))

    def y(ratio):
        return MARGIN + (HEIGHT - 2 * MARGIN) * (top - min(max(ratio, bottom), top)) / (top - bottom)

    def x(i):
        return MARGIN + (WIDTH - 2 * MARGIN) * (i + 0.5) / len(timed)

    parts, best, path = [], 1.0, [f"M {MARGIN} {y(1.0):.1f}"]
    for i, row in enumerate(timed):
        if row.outcome == "faster":
            best = min(best, row.ratio)
        path.append(f"L {x(i):.1f} {y(best):.1f}")
        title = html.escape(", ".join(cells(row)))
        parts.append(f'<line x1="{x(i):.1f}" x2="{x(i):.1f}" y1="{y(row.guess):.1f}" y2="{y(row.ratio):.1f}" stroke="#ddd"/>')
        parts.append(f'<circle cx="{x(i):.1f}" cy="{y(row.ratio):.1f}" r="3" fill="{COLORS.get(row.outcome, FAILED)}"><title>{title}</title></circle>')
    labels = [f'<text x="2" y="{y(ratio) + 4:.1f}" font-size="11">{ratio:.2f}</text>' for ratio in (top, 1.0, bottom)]
    labels += [f'<text x="{MARGIN + 110 * i}" y="{HEIGHT - 8}" font-size="11" fill="{color}">{name}</text>' for i, (name, color) in enumerate(COLORS.items())]
    base = f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y(1.0):.1f}" y2="{y(1.0):.1f}" stroke="#888" stroke-dasharray="4"/>'
    line = f'<path d="{" ".join(path)}" fill="none" stroke="#0a7d32"/>'
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{base}{line}{"".join(parts)}{"".join(labels)}</svg>'


def section(key, rows):
    lines = [f"<tr>{''.join(f'<td class=number>{html.escape(cell)}</td>' for cell in line[:3])}<td>{html.escape(line[3])}</td><td><code>{html.escape(line[4])}</code></td></tr>"
             for line in map(cells, by_time(rows))]
    head = "".join(f"<th>{text}</th>" for text in HEAD)
    return f"<p>{html.escape(summary(key, rows))}</p>{picture(rows)}<table><tr>{head}</tr>{' '.join(lines)}</table>"


def page(kernels):
    """A page that needs no other file, about [(Key, [Measured])]."""
    return PAGE.format(title=html.escape(kernels[0][1][0].name), sections="\n".join(section(*kernel) for kernel in kernels))
