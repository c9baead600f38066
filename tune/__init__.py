"""Tuning: a search over the tiles and schedules of kernels. `lepton tune` runs main.py.

kernels.py asks the compiler what can be tuned, layers.py decides how convolutions are computed, search.py what to try next, model.py guesses what is worth it, measure.py and worker.py (a process of its
own) measure it, on this machine or those of a Ray cluster (workers.py), database.py keeps what was found; explain.py shows it.
"""
