"""The search: which kernel and which schedule to measure next, and what to keep.

Kernels get turns of some tries by the method of divisors, as seats are given to parties by their votes: a kernel's votes are its share of the models' time. A try is the
schedule that the model thinks best among those that differ in one choice from the best found; every few tries it is any of them, for the
model to learn from. What looks faster is measured against the default and against the best so far in interleaved rounds before it is kept, so that what is kept
was never slower than the default; where noise hides the difference the default stays.
"""

import concurrent.futures
import random
import threading
import time
from dataclasses import dataclass, field

from lepton_tune.database import Measured, Tuned
from lepton_tune.measure import MeasureError, WorkerLost, drop
from lepton_tune.model import CostModel

PROMISING = 0.98  # of the best's time: worth a comparison
HOPELESS = 1.3  # of the best's time: given up after the first runs
EXPLORE_EVERY = 5
TURN = 6  # tries of a kernel in a row: its default stays loaded
TIMEOUT = 20  # seconds for a step of a candidate
FLOPS_PER_NS = 50  # of a processor's core, roughly
RESERVE = 1.5  # of the longest step so far must be left for another one to begin
MEASURED, CUT, FASTER, NOT_FASTER = "measured", "cut", "faster", "not faster"  # outcomes; errors are the others


@dataclass
class State:
    """What is known of a kernel."""

    kernel: object
    default_ns: float = None  # in this session
    best: tuple = None  # schedules
    best_ratio: float = 1.0  # of the default's time
    tried: dict = field(default_factory=dict)  # schedules -> Measured
    promising: list = field(default_factory=list)  # schedules that look faster and were not compared yet
    failed: str = ""  # why it cannot be measured
    measurer: object = None  # that has it now

    @property
    def best_ns(self):
        return self.best_ratio * self.default_ns

    @property
    def votes(self):
        """The time that it takes in the models, for each try that it had. Before it was measured the time follows from its arithmetic."""
        return self.kernel.calls * (self.default_ns or self.kernel.flops / FLOPS_PER_NS) / (1 + len(self.tried))


class Alternating:
    """A measurer of which several threads have one each: while it measures, another thread has the `lock`."""

    def __init__(self, measurer, lock):
        self.measurer, self.lock = measurer, lock

    def __getattr__(self, name):
        def call(*arguments):
            self.lock.release()
            try:
                return getattr(self.measurer, name)(*arguments)
            finally:
                self.lock.acquire()

        return call


class Keeper:
    """Keeps what is found in `database` under `key`, until it is given up."""

    def __init__(self, key, database):
        self.key, self.database = key, database
        self.before, self.kept = database.tuned(key), set()  # what the database held; hashes of what got another choice since

    def keep(self, tuned):
        self.database.store(self.key, tuned)
        self.kept.add(tuned.kernel)

    def forget(self):
        """Gives up what this search found; the database holds what it held before."""
        for kernel in self.kept:
            if kernel in self.before:
                self.database.store(self.key, self.before[kernel])
            else:
                self.database.forget(self.key, kernel)
        self.kept.clear()


class Search(Keeper):
    """Tunes `kernels` (a list of Kernel) with what `measurers` find, and keeps it in `database` under `key`. Each measurer has a kernel at a time, for itself.

    `clock` gives seconds; `report` is called with the search after every try.
    """

    def __init__(self, kernels, key, database, measurers, clock=time.monotonic, report=lambda search: None, seed=1):
        super().__init__(key, database)
        self.states = [State(kernel) for kernel in kernels]
        self.measurers, self.clock, self.report = measurers, clock, report
        self.turns, self.is_over = threading.Condition(), False  # whoever holds it has the search to himself
        self.random = random.Random(seed)
        self.model = CostModel()
        self.tries, self.longest = 0, 0.0
        self._recall()

    def _recall(self):
        """Goes on from what the database holds; other kernels' tries teach the model."""
        states = {state.kernel.hash: state for state in self.states}
        for tuned in self.before.values():
            if state := states.get(tuned.kernel):
                state.best, state.best_ratio = tuple(tuned.schedules), tuned.tuned_ns / tuned.default_ns
        for row in self.database.measured(self.key):
            if row.ratio and row.features:
                self.model.learn(row.features, row.ratio)
            if state := states.get(row.kernel):
                state.tried[tuple(row.schedules)] = row
                if row.outcome == MEASURED and row.ratio < PROMISING * state.best_ratio:
                    state.promising.append(tuple(row.schedules))

    # ---- what was found --------------------------------------------------------------------------------------------

    def model_ns(self, model, tuned):
        """The time of a model's kernels that were measured, in nanoseconds, with the default's schedules or those found."""
        measured = [state for state in self.states if state.default_ns]
        return sum(state.kernel.shares.get(model, 0) * (state.best_ns if tuned else state.default_ns) for state in measured)

    def gain(self):
        """How many times as fast the kernels of all models are that were measured."""
        models = {model for state in self.states for model in state.kernel.shares}
        before, after = (sum(self.model_ns(model, tuned) for model in models) for tuned in (False, True))
        return before / after if after else 1.0

    # ---- the search ------------------------------------------------------------------------------------------------

    def run(self, end):
        """Searches until the clock says `end`, nothing is left to try, or no measurer is left."""
        if len(self.measurers) == 1:
            return self._work(self.measurers[0], end)
        with concurrent.futures.ThreadPoolExecutor(len(self.measurers)) as pool:
            try:
                for thread in [pool.submit(self._work, measurer, end) for measurer in self.measurers]:
                    thread.result()
            except BaseException:
                self.is_over = True
                raise

    def _work(self, measurer, end):
        """What one measurer does. A kernel whose measurer is lost goes back to the others as it was."""
        with self.turns:
            while self._has_time(end):
                state = max(filter(self._has_work, self.states), key=lambda state: state.votes, default=None)
                if not state and not any(other.measurer for other in self.states):
                    return
                if not state:
                    self.turns.wait(1)
                    continue
                state.measurer = Alternating(measurer, self.turns)
                try:
                    self._turn(state, end)
                except WorkerLost as loss:
                    return drop(self.measurers, measurer, loss)
                finally:
                    state.measurer = None
                    self.turns.notify_all()

    def _has_work(self, state):
        return not state.failed and not state.measurer and (state.promising or self._pool_of(state))

    def _turn(self, state, end):
        """Some tries of one kernel."""
        if state.default_ns is None:
            self._step(1, self._measure_default, state, end)
        self._settle(state, end)
        for _ in range(TURN):
            if not state.failed and self._pool_of(state) and self._has_time(end):
                self._step(1, self._try, state, end)
                self._settle(state, end)

    def _settle(self, state, end):
        """Compares what looks promising with the best so far."""
        while state.promising and self._has_time(end, len(self._rivals(state))):
            rivals = self._rivals(state)
            self._step(len(rivals), self._compare, state, rivals, end)

    def _has_time(self, end, candidates=1):
        return not self.is_over and self.clock() + RESERVE * candidates * self.longest < end

    def _step(self, candidates, step, *arguments):
        """One step, which measures so many candidates."""
        begin = self.clock()
        step(*arguments)
        self.longest = max(0.9 * self.longest, (self.clock() - begin) / candidates)
        self.report(self)

    def _timeout(self, end):
        return max(1.0, min(TIMEOUT, end - self.clock()))

    def _measure_default(self, state, end):
        try:
            state.default_ns = state.measurer.measure_default(state.kernel, self._timeout(end))
        except MeasureError as problem:
            state.failed = str(problem)

    def _pool_of(self, state):
        """Schedules that differ in one choice from the best and were not tried."""
        start = state.best or state.kernel.default
        pool = []
        for i, choice in enumerate(state.kernel.choices):
            pool += [start[:i] + (candidate,) + start[i + 1:] for candidate in choice.candidates]
        return [schedules for schedules in pool if schedules not in state.tried and schedules != state.kernel.default]

    def _propose(self, state):
        """(schedules, their guessed time as a part of the default's)"""
        pool = self._pool_of(state)
        guesses = self.model.guess([state.kernel.features(schedules) for schedules in pool])
        if self.tries % EXPLORE_EVERY == EXPLORE_EVERY - 1:
            return self.random.choice(list(zip(pool, guesses)))
        return min(zip(pool, guesses), key=lambda pair: pair[1])

    def _try(self, state, end):
        schedules, guess = self._propose(state)
        self.tries += 1
        row = Measured(state.kernel.hash, state.kernel.name, list(schedules), state.default_ns, None, "", guess, time.time(), state.kernel.features(schedules))
        try:
            result = state.measurer.measure(state.kernel, schedules, HOPELESS * state.best_ratio, self._timeout(end))
        except MeasureError as problem:
            return self._note(state, row._replace(outcome=str(problem)))
        state.default_ns = min(state.default_ns, result.default_ns)
        row = row._replace(ns=result.ns, default_ns=result.default_ns, outcome=CUT if result.is_cut else MEASURED)
        self.model.learn(row.features, row.ratio)
        self._note(state, row)
        if row.ratio < PROMISING * state.best_ratio:
            state.promising.append(schedules)

    def _note(self, state, row):
        state.tried[tuple(row.schedules)] = row
        self.database.note(self.key, row)

    def _rivals(self, state):
        """The default, the best so far, and the most promising."""
        challenger = min(state.promising, key=lambda schedules: state.tried[schedules].ratio)
        return [state.kernel.default, *([state.best] if state.best else []), challenger]

    def _compare(self, state, rivals, end):
        """Keeps the last of the rivals if it is faster than the default and than the best so far."""
        default, challenger = rivals[0], rivals[-1]
        row = state.tried[challenger]
        try:
            comparison = state.measurer.compare(state.kernel, rivals, self._timeout(end))
        except MeasureError as problem:
            state.promising.remove(challenger)
            return self._note(state, row._replace(ns=None, outcome=str(problem)))
        state.promising.remove(challenger)
        row = row._replace(default_ns=comparison.best(default), ns=comparison.best(challenger))
        if not all(comparison.is_faster(challenger, rival) for rival in rivals[:-1]):
            return self._note(state, row._replace(outcome=NOT_FASTER))
        state.best, state.best_ratio = challenger, row.ratio
        state.promising = [schedules for schedules in state.promising if state.tried[schedules].ratio < PROMISING * state.best_ratio]
        self.keep(Tuned(*row[:4], row.ns))
        self._note(state, row._replace(outcome=FASTER))
