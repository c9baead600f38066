"""Says how a search goes: a bar in a terminal, plain lines elsewhere."""

import sys
import time

from tqdm import tqdm

LINES = 10  # in the time of a budget


class Progress:
    """Shows searches that end `budget` seconds after `begin`; `step` says what is searched. To be used in a `with`."""

    def __init__(self, budget, begin):
        self.budget, self.begin = budget, begin
        self.bar, self.step = None, ""
        self.next_line = begin + budget / LINES
        if sys.stderr.isatty():
            form = "{percentage:3.0f}% |{bar}| {postfix}, {remaining} left"
            self.bar = tqdm(total=round(budget, 1), bar_format=form, leave=False, file=sys.stderr, dynamic_ncols=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()

    def __call__(self, search):
        now = time.monotonic()
        tuned = sum(state.best is not None for state in search.states)
        text = f"{self.step}: {search.tries} tries, {tuned} of {len(search.states)} kernels faster, gain {(search.gain() - 1) * 100:.1f}%"
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.n = round(min(now - self.begin, self.budget), 1)
            self.bar.refresh()
        elif now >= self.next_line:
            print(f"{now - self.begin:.0f} s of {self.budget:.0f} s: {text}", file=sys.stderr, flush=True)
            self.next_line = now + self.budget / LINES
