"""Lepton beside its peers. `lepton bench` runs main.py; peers.py has a class for each engine, worker.py is the process that one runs in."""
