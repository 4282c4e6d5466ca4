"""What the study's notebooks share: the data, the estimators, and a world in which the true effect is zero.

The outcome is earnings in 1978 in US dollars; the treatment is a place in the National Supported Work programme; the
effect sought is the one on the treated. Data: LaLonde (1986) as selected by Dehejia and Wahba (1999), from the package
causaldata. Earnings of 1974 and 1975 are in dollars, age and schooling in years, everything else is 0 or 1.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]
Estimator = Literal["naive", "regression", "matching", "weighting", "augmented"]
Learner = Literal["linear", "lasso", "forest", "boosting", "deep_boosting"]

OUTCOME, TREATMENT = "re78", "treat"
COVARIATES = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75", "u74", "u75")
WORDS = {
    "age": "Age",
    "educ": "Years of school",
    "black": "Black",
    "hisp": "Hispanic",
    "marr": "Married",
    "nodegree": "No degree",
    "re74": "Earnings 1974",
    "re75": "Earnings 1975",
    "u74": "No earnings 1974",
    "u75": "No earnings 1975",
}
NORMAL_95 = 1.959963984540054  # all intervals of the estimators: estimate ± this times the standard error
VARIANCE_NEIGHBOURS = 4
FOLDS = 5
CLIP = 0.001  # DoubleML's default, 0.01, would lift the many controls with scores near zero to a weight that adds up
TREES, LEAF = 50, 10
ROUNDS, RATE, LEAVES, DEEP_LEAVES = 50, 0.1, 4, 8
LASSO_C = 0.1


@dataclass(frozen=True)
class Sample:
    """Covariates (a row a person, columns as in COVARIATES), treatment (0 or 1) and outcome (USD)."""

    x: Array
    d: Array
    y: Array

    def keep(self, rows: npt.NDArray[np.bool_]) -> Sample:
        """Return the people for whom ``rows`` is true."""
        return Sample(self.x[rows], self.d[rows], self.y[rows])


@dataclass(frozen=True)
class Estimate:
    """An effect on the treated and its standard error, in USD.

    ``weights`` are those that the estimator gives to the controls, in the order of the sample; None where it gives
    none, or none that can be read off (regression).
    """

    att: float
    se: float
    weights: Array | None = None

    @property
    def ci(self) -> tuple[float, float]:
        """The 95 % interval of the normal approximation."""
        return self.att - NORMAL_95 * self.se, self.att + NORMAL_95 * self.se

    @property
    def effective_controls(self) -> float:
        """Kish's effective sample size: how many equally weighted controls would be worth as much."""
        weights = np.empty(0) if self.weights is None else self.weights
        return float(weights.sum() ** 2 / (weights**2).sum())

    @property
    def largest_weight(self) -> float:
        """The share of all weight that the heaviest control carries, in per cent."""
        weights = np.empty(0) if self.weights is None else self.weights
        return float(100 * weights.max() / weights.sum())


def experiment() -> pd.DataFrame:
    """Return the randomised sample: 185 people with a place in the programme, 260 without."""
    from causaldata import nsw_mixtape

    return _prepared(nsw_mixtape.load_pandas().data)


def survey() -> pd.DataFrame:
    """Return the comparison group from the Current Population Survey: 15,992 people, none in the programme."""
    from causaldata import cps_mixtape

    return _prepared(cps_mixtape.load_pandas().data)


def observational() -> pd.DataFrame:
    """Return what a study without an experiment would have had: the treated, and the survey as controls."""
    trial = experiment()
    return pd.concat([trial[trial[TREATMENT] == 1], survey()], ignore_index=True)


def _prepared(frame: pd.DataFrame) -> pd.DataFrame:
    plain = frame.drop(columns="data_id").astype(float)
    return plain.assign(u74=(plain["re74"] == 0).astype(float), u75=(plain["re75"] == 0).astype(float))


def sample(frame: pd.DataFrame) -> Sample:
    """Return a data frame of this module as arrays."""
    columns = (list(COVARIATES), TREATMENT, OUTCOME)
    x, d, y = (frame[c].to_numpy(dtype=np.float64) for c in columns)
    return Sample(x, d, y)


def score_model(x: Array, d: Array) -> Any:
    """Fit the propensity score, P(treated | covariates): a logistic regression on the ten covariates."""
    return _logistic().fit(x, d)


def scores(model: Any, x: Array) -> Array:
    """Return the propensity scores of people under a fitted model."""
    return np.asarray(model.predict_proba(x)[:, 1], dtype=np.float64)


def within(score: Array, threshold: float) -> npt.NDArray[np.bool_]:
    """Tell who stays after trimming: scores from ``threshold`` to 1 - ``threshold`` (Crump et al. 2009)."""
    return np.asarray((score >= threshold) & (score <= 1 - threshold))


def estimate(people: Sample, estimator: Estimator, learner: Learner, seed: int, folds: int = FOLDS) -> Estimate:
    """Estimate the effect on the treated. Only ``augmented`` uses a learner other than linear, folds and the seed."""
    match estimator:
        case "naive":
            return difference(people)
        case "regression":
            return regression(people)
        case "matching":
            return matching(people)
        case "weighting":
            return weighting(people)
        case "augmented":
            return augmented(people, learner, seed, folds)


def difference(people: Sample, robust: bool = True) -> Estimate:
    """Return the difference in mean outcome, treated less controls; the error is HC2 or, if not robust, classical."""
    import statsmodels.api as sm

    fitted = sm.OLS(people.y, sm.add_constant(people.d)).fit(cov_type="HC2" if robust else "nonrobust")
    return Estimate(float(fitted.params[1]), float(fitted.bse[1]), np.ones(int((people.d == 0).sum())))


def regression(people: Sample) -> Estimate:
    """Regress the outcome on treatment, covariates and their products, covariates centred at the treated's means.

    The coefficient of the treatment is then the effect on the treated (Lin 2013; Imbens and Wooldridge 2009). HC2
    error; it takes the treated's covariates as given.
    """
    import statsmodels.api as sm

    spread = people.x.std(axis=0)  # zero where trimming leaves a covariate without variation
    centred = ((people.x - people.x[people.d == 1].mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0]
    design = np.column_stack([np.ones_like(people.d), people.d, centred, centred * people.d[:, None]])
    with warnings.catch_warnings():
        # After trimming everyone left is black or Hispanic: those two coefficients are not unique, the effect is.
        warnings.filterwarnings("ignore", message="The design matrix is rank-deficient")
        fitted = sm.OLS(people.y, design).fit(cov_type="HC2")
    return Estimate(float(fitted.params[1]), float(fitted.bse[1]))


def weighting(people: Sample) -> Estimate:
    """Weight each control by the odds of its score, score / (1 - score), so that controls resemble the treated.

    Hirano, Imbens and Ridder (2003), normalised weights, as a weighted least-squares regression on the treatment. The
    HC2 error takes the scores as known.
    """
    import statsmodels.api as sm

    score = scores(score_model(people.x, people.d), people.x)
    weights = np.where(people.d == 1, 1.0, score / np.maximum(1 - score, 1e-9))
    fitted = sm.WLS(people.y, sm.add_constant(people.d), weights=weights).fit(cov_type="HC2")
    return Estimate(float(fitted.params[1]), float(fitted.bse[1]), weights[people.d == 0])


def matching(people: Sample) -> Estimate:
    """Match each treated person to the control nearest in the log odds of the propensity score, with replacement.

    Controls with the same score share the match. The standard error is that of Abadie and Imbens (2006) for the effect
    on the treated, with their correction for ties. It takes the scores as known; Abadie and Imbens (2016) show that
    this can be too large or too small. The bootstrap is not valid here (Abadie and Imbens 2008).
    """
    model = score_model(people.x, people.d)
    index = np.round(model.decision_function(people.x), 9)  # so that rounding noise breaks no ties
    treated, control = people.d == 1, people.d == 0
    levels, level, sizes = np.unique(index[control], return_inverse=True, return_counts=True)
    partner = _nearest(levels, 1, index[treated])[:, 0]
    gains = people.y[treated] - (np.bincount(level, people.y[control]) / sizes)[partner]
    matches = np.bincount(partner, minlength=len(levels))
    used, ties = (matches / sizes)[level], (matches / sizes**2)[level]
    fellows = people.y[control][_nearest(index[control], VARIANCE_NEIGHBOURS)]
    correction = VARIANCE_NEIGHBOURS / (VARIANCE_NEIGHBOURS + 1)
    noise = correction * (people.y[control] - fellows.mean(axis=1)) ** 2
    variance = ((gains - gains.mean()) ** 2).sum() + ((used**2 - ties) * noise).sum()
    return Estimate(float(gains.mean()), float(np.sqrt(variance) / treated.sum()), used)


def augmented(people: Sample, learner: Learner, seed: int, folds: int = FOLDS) -> Estimate:
    """Augmented weighting with cross-fitting, also known as double machine learning (Chernozhukov et al. 2018).

    DoubleML's interactive regression model with the score of the effect on the treated. ``seed`` decides the folds and
    the learner's own randomness.
    """
    from doubleml import DoubleMLData, DoubleMLIRM
    from doubleml.utils import PSProcessorConfig

    outcome, score = learners(learner, seed)
    np.random.seed(seed)  # DoubleML draws its folds from numpy's global generator
    model = DoubleMLIRM(
        DoubleMLData.from_arrays(people.x, people.y, people.d),
        outcome,
        score,
        n_folds=folds,
        score="ATTE",
        ps_processor_config=PSProcessorConfig(clipping_threshold=CLIP),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The estimated nu2")  # of a sensitivity analysis, not used here
        model.fit()
    fitted = model.predictions["ml_m"].ravel()[people.d == 0]
    return Estimate(float(model.coef[0]), float(model.se[0]), fitted / (1 - fitted))


def learners(learner: Learner, seed: int) -> tuple[Any, Any]:
    """Return scikit-learn's learners of the outcome among controls and of the propensity score."""
    from sklearn import ensemble, linear_model, pipeline

    if learner == "linear":
        return linear_model.LinearRegression(), _logistic()
    if learner == "lasso":  # the penalty of the outcome by cross-validation; that of the score is fixed, to save time
        outcome = linear_model.LassoCV(cv=3, alphas=20, eps=0.01, max_iter=5000)
        score = linear_model.LogisticRegression(C=LASSO_C, l1_ratio=1, solver="liblinear", max_iter=200)
        return pipeline.make_pipeline(*_squares(), outcome), pipeline.make_pipeline(*_squares(), score)
    if learner == "forest":
        trees: dict[str, Any] = {"n_estimators": TREES, "min_samples_leaf": LEAF, "max_features": 1 / 3}
        both = ensemble.RandomForestRegressor, ensemble.RandomForestClassifier
        return both[0](**trees, random_state=seed), both[1](**trees, random_state=seed)
    leaves = DEEP_LEAVES if learner == "deep_boosting" else LEAVES
    steps: dict[str, Any] = {"max_iter": ROUNDS, "learning_rate": RATE, "max_leaf_nodes": leaves}
    fixed: dict[str, Any] = {"early_stopping": False, "random_state": seed}
    boosted = ensemble.HistGradientBoostingRegressor(**steps, **fixed)
    return boosted, ensemble.HistGradientBoostingClassifier(**steps, **fixed)


def _logistic() -> Any:
    from sklearn import linear_model, pipeline, preprocessing

    # With the usual tolerance (1e-4) the fit stops early enough to change who is trimmed. The penalty is too weak to
    # matter; it keeps the fit unique where trimming leaves a covariate without variation.
    plain = linear_model.LogisticRegression(C=1e6, solver="newton-cholesky", max_iter=200, tol=1e-8)
    return pipeline.make_pipeline(preprocessing.StandardScaler(), plain)


def _squares() -> tuple[Any, ...]:
    """All squares and pairwise products of the covariates (65 terms), on one scale."""
    from sklearn import preprocessing

    scale, products = preprocessing.StandardScaler, preprocessing.PolynomialFeatures(2, include_bias=False)
    return scale(), products, scale()


def _nearest(among: Array, count: int, of: Array | None = None) -> npt.NDArray[np.int64]:
    """Return the places of the ``count`` nearest; without ``of``, those of each point itself, itself left out."""
    from sklearn.neighbors import NearestNeighbors

    column = None if of is None else of[:, None]
    found = NearestNeighbors(n_neighbors=count, n_jobs=1).fit(among[:, None])
    return np.asarray(found.kneighbors(column, return_distance=False), dtype=np.int64)


def imbalance(people: Sample, weights: Array | None = None) -> Array:
    """Return each covariate's standardised mean difference, treated less controls, in the treated's deviations.

    ``weights`` are those of the controls; equal ones if not given.
    """
    treated, control = people.x[people.d == 1], people.x[people.d == 0]
    means = np.average(control, axis=0, weights=weights)
    return np.asarray((treated.mean(axis=0) - means) / treated.std(axis=0, ddof=1))


@dataclass(frozen=True)
class World:
    """People of the survey, and the chance of each to be given a treatment that does nothing.

    Treatment depends on the covariates alone and changes nobody's earnings, so the true effect on the treated is zero
    and every method has a fair chance to find that.
    """

    x: Array
    y: Array
    chance: Array

    def draw(self, people: int, generator: np.random.Generator) -> Sample:
        """Draw people without replacement, so that nobody is matched to a copy of oneself, and treat by chance."""
        rows = generator.choice(len(self.y), size=people, replace=False)
        treated = generator.random(people) < self.chance[rows]
        return Sample(self.x[rows], treated.astype(np.float64), self.y[rows])


def placebo_world(selection: Literal["plain", "curved"], strength: float, share: float) -> World:
    """Build the world: chance = logistic(a + strength * index), with ``a`` set so that ``share`` are treated.

    The index is that of the real programme, standardised among the survey's people: from a logistic regression of the
    real treatment on the covariates (``plain``), or also on their squares and products, with a ridge penalty
    (``curved``). The larger the strength, the poorer the overlap.
    """
    from scipy.optimize import brentq
    from scipy.special import expit
    from sklearn import linear_model, pipeline

    both, people = sample(observational()), sample(survey())
    ridge = linear_model.LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200)
    model = _logistic() if selection == "plain" else pipeline.make_pipeline(*_squares(), ridge)
    index = model.fit(both.x, both.d).decision_function(people.x)
    index = (index - index.mean()) / index.std()
    level = brentq(lambda a: float(expit(a + strength * index).mean()) - share, -30, 30)
    return World(people.x, people.y, expit(level + strength * index))
