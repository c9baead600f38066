"""Guesses how long a candidate takes, as a part of the default's time.

While little is known the guess is the compiler's own: the ratio of its costs. Then gradient-boosted trees of scikit-learn, trained on all that was measured, guess what the
compiler's model got wrong; where that package is not installed, its model goes on alone.
"""

import math

COST = 5  # place of the compiler's ratio among the features, see Kernel.features
FEW = 24  # tries that teach too little
MORE = 1.2  # times as many tries as last time are worth training again


class CostModel:
    def __init__(self):
        self.features, self.targets = [], []
        self.trees, self.trained = None, 0

    def learn(self, features, ratio):
        """`ratio` is a candidate's time by the default's."""
        self.features.append(features)
        self.targets.append(math.log(ratio / features[COST]))

    def guess(self, candidates):
        """The ratios of candidates, given by their features."""
        if len(self.targets) >= max(FEW, MORE * self.trained):
            self._train()
        corrections = self.trees.predict(candidates) if self.trees and candidates else [0.0] * len(candidates)
        return [features[COST] * math.exp(correction) for features, correction in zip(candidates, corrections)]

    def _train(self):
        self.trained = len(self.targets)
        try:
            from sklearn.ensemble import GradientBoostingRegressor
        except ImportError:  # an optional package
            return
        self.trees = GradientBoostingRegressor(n_estimators=80, max_depth=4, learning_rate=0.15, subsample=0.8, random_state=1)
        self.trees.fit(self.features, self.targets)
