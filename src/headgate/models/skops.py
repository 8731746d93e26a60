"""A skops file by scikit-learn: only what stands on our own list is ever made, whatever skops itself would trust."""

import io
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from headgate.errors import PermanentError
from headgate.models.formats import Matrix, Raw, only, refuse_width
from headgate.models.signature import Signature

SCHEMA = "schema.json"
SCHEMA_BYTES = 64 << 20
"""A forest's description is a few MB; more is no model but a way to fill the memory."""

ESTIMATORS: dict[str, str] = {
    "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration",
    "sklearn.compose": "ColumnTransformer TransformedTargetRegressor",
    "sklearn.decomposition": "FastICA IncrementalPCA PCA TruncatedSVD",
    "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "sklearn.dummy": "DummyClassifier DummyRegressor",
    "sklearn.ensemble": "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor ExtraTreesClassifier "
    "ExtraTreesRegressor GradientBoostingClassifier GradientBoostingRegressor RandomForestClassifier "
    "RandomForestRegressor RandomTreesEmbedding StackingClassifier StackingRegressor VotingClassifier VotingRegressor",
    "sklearn.feature_selection": "SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile VarianceThreshold",
    "sklearn.gaussian_process": "GaussianProcessClassifier GaussianProcessRegressor "
    "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": "ConstantKernel DotProduct Matern Product RBF "
    "RationalQuadratic Sum WhiteKernel",
    "sklearn.impute": "MissingIndicator SimpleImputer",
    "sklearn.kernel_approximation": "Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler",
    "sklearn.kernel_ridge": "KernelRidge",
    "sklearn.linear_model": "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars "
    "LarsCV Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC LinearRegression LogisticRegression LogisticRegressionCV "
    "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV PoissonRegressor QuantileRegressor RANSACRegressor Ridge "
    "RidgeCV RidgeClassifier RidgeClassifierCV SGDClassifier SGDRegressor TheilSenRegressor TweedieRegressor",
    "sklearn.naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    "sklearn.neural_network": "MLPClassifier MLPRegressor AdamOptimizer SGDOptimizer",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing": "Binarizer KBinsDiscretizer LabelBinarizer LabelEncoder MaxAbsScaler MinMaxScaler "
    "Normalizer OneHotEncoder OrdinalEncoder PolynomialFeatures PowerTransformer QuantileTransformer RobustScaler "
    "StandardScaler TargetEncoder",
    "sklearn.semi_supervised": "LabelPropagation LabelSpreading",
    "sklearn.svm": "LinearSVC LinearSVR NuSVC NuSVR SVC SVR",
    "sklearn.tree": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
    "sklearn._loss": "HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss HalfSquaredError "
    "HalfTweedieLoss HalfTweedieLossIdentity IdentityLink Interval LogLink LogitLink MultinomialLogit",
}
"""Estimators by module. Missing on purpose: what holds functions (FunctionTransformer), and what follows indices in C
that nobody checks (nearest neighbours' trees, histogram boosting); the latter two become ONNX."""

NUMBERS = "bool bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 str_ ndarray"
TYPES: dict[str, dict[str, str]] = {
    "ObjectNode": ESTIMATORS,
    "TreeNode": {"sklearn.tree": "Tree"},
    "LossNode": {
        "sklearn._loss": "CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
        "CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity",
        "sklearn.linear_model": "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive "
        "SquaredHinge SquaredLoss",
    },
    "FunctionNode": {"sklearn.feature_selection": "chi2 f_classif f_regression"},
    "TypeNode": {"builtins": "bool float int str", "numpy": NUMBERS},
    "NdArrayNode": {"numpy": NUMBERS},
    "DTypeNode": {"numpy": "dtype"},
    "RandomStateNode": {"numpy.random": "RandomState"},
    "SparseMatrixNode": {"scipy.sparse": "coo_array coo_matrix csc_array csc_matrix csr_array csr_matrix"},
    "DictNode": {"builtins": "dict", "collections": "OrderedDict", "sklearn.utils": "Bunch"},
    "ListNode": {"builtins": "list"},
    "TupleNode": {"builtins": "tuple"},
    "SetNode": {"builtins": "set"},
    "SliceNode": {"builtins": "slice"},
    "JsonNode": {"builtins": "str"},
}
"""skops's node → module → the names of it that may be made by such a node."""


def open_model(files: Mapping[str, bytes], signature: Signature, threads: int) -> Raw:  # noqa: ARG001 - limited by the process
    """Return what the estimator predicts: P of each class by its code, or a number."""
    content = only(files, "skops")
    trusted = refuse_types(content)
    from skops import io as skops_io  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # another version of scikit-learn would predict other numbers, with a warning
        try:
            model = skops_io.loads(content, trusted=sorted(trusted))
        except Exception as err:  # what a restored state raises is as varied as estimators are
            raise PermanentError(
                f"scikit-learn cannot restore the skops file: {' '.join(str(err).split())[:300]}",
                next_step="install the scikit-learn that made it, or train it again with this one",
            ) from err
    refuse_width(getattr(model, "n_features_in_", len(signature.features)), signature, "skops")
    method = "predict" if signature.task == "regression" else "predict_proba"
    predict = getattr(model, method, None)
    if predict is None:
        raise PermanentError(f"{type(model).__name__} has no `{method}`; task {signature.task!r} needs it")
    if signature.task != "regression":
        refuse_classes(model, signature)
    return by_sklearn(predict)


def by_sklearn(predict: Any) -> Raw:
    def run(matrix: Matrix) -> Any:
        return predict(matrix)

    return run


def refuse_classes(model: Any, signature: Signature) -> None:
    known = np.asarray(getattr(model, "classes_", ())).tolist()
    if known != list(range(len(signature.classes))):
        raise PermanentError(
            f"the skops model knows classes {known}, expected {list(range(len(signature.classes)))}",
            next_step="fit on train.y as it is: every class is in it, by its code",
        )


def refuse_types(content: bytes) -> set[str]:
    """Return the names of everything that the file would make, once each stands on our list; nothing is imported."""
    found = {(str(node.get("__loader__")), *type_of(node)) for node in nodes(schema(content)) if is_made(node)}
    strange = sorted(
        f"{module}.{name} by {loader}" for loader, module, name in found if not on_list(loader, module, name)
    )
    if strange:
        raise PermanentError(
            f"the skops file would make what is not on Headgate's list: {', '.join(strange[:5])}",
            next_step="use scikit-learn's own estimators without functions of your own; or let fit return an estimator "
            "that converts to ONNX; or serve it by an image of your own behind V2",
        )
    return {f"{module}.{name}" for _, module, name in found}


def schema(content: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(SCHEMA).file_size > SCHEMA_BYTES:
                raise PermanentError(f"the skops file's {SCHEMA} is beyond {SCHEMA_BYTES:,} bytes")
            return msgspec.json.decode(archive.read(SCHEMA))
    except (zipfile.BadZipFile, KeyError, msgspec.DecodeError, NotImplementedError, RuntimeError, EOFError) as err:
        raise PermanentError(
            f"the file is no skops model: {' '.join(str(err).split())[:200]}", next_step="write it with skops.io.dump"
        ) from err


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a schema, at any depth."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def is_made(node: Mapping[str, Any]) -> bool:
    """Say whether skops would make something of an object; one that was made before is made no more."""
    return ("__loader__" in node or "__class__" in node) and node.get("__loader__") != "CachedNode"


def type_of(node: Mapping[str, Any]) -> tuple[str, str]:
    return str(node.get("__module__")), str(node.get("__class__"))


def on_list(loader: str, module: str, name: str) -> bool:
    """Say whether a node may make a type; a private module counts as the public one that it is a part of.

    >>> on_list("ObjectNode", "sklearn.linear_model._logistic", "LogisticRegression")
    True
    >>> on_list("ObjectNode", "os", "system"), on_list("MethodNode", "sklearn.linear_model._logistic", "predict")
    (False, False)
    """
    allowed = TYPES.get(loader, {})
    return any(
        name in names.split() and (module == public or module.startswith(f"{public}."))
        for public, names in allowed.items()
    )
