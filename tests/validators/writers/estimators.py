"""Estimators, boosters, tables and word vectors, pickled as their users do."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import gensim.models
import joblib
import lightgbm
import numpy as np
import onnxmltools
import pandas as pd
import scipy.sparse
import sentencepiece
import xgboost
from gensim.models.fasttext import save_facebook_model
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn import ensemble, linear_model, neighbors
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import all_estimators

from tests.validators.writers.writing import Models

MODELS = Models()
X, Y = make_classification(40, 6, random_state=0)
TEXTS = ["the cat sat", "a dog ran", "birds fly high"] * 10
WORDS = [text.split() for text in TEXTS]
# Too slow for their number, or nothing without another estimator.
_LEFT_OUT = {"TSNE", "GammaRegressor", "IsotonicRegression"}


def _pickled(value: Any, folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(value))


def _both(value: Any, folder: Path) -> None:
    _pickled(value, folder)
    joblib.dump(value, folder / "model.joblib", compress=3)


def estimators() -> None:
    for name, kind in all_estimators():
        if name in _LEFT_OUT:
            continue
        try:
            fitted = kind().fit(np.abs(X), Y)
        except (TypeError, ValueError, AttributeError, IndexError):
            continue  # wants arguments, or other data
        MODELS.add(f"sklearn-{name}", lambda folder, value=fitted: _both(value, folder))


def composed() -> None:
    steps = make_pipeline(StandardScaler(), ensemble.RandomForestClassifier(4)).fit(X, Y)
    columns = ColumnTransformer([("a", OneHotEncoder(), [0]), ("b", StandardScaler(), [1])])
    values = {
        "pipeline": steps,
        "grid": GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1]}).fit(X, Y),
        "columns": columns.fit(X),
        "tfidf": make_pipeline(TfidfVectorizer(), linear_model.SGDClassifier()).fit(
            TEXTS, ["a", "b", "c"] * 10
        ),
        "counts": CountVectorizer(ngram_range=(1, 2)).fit(TEXTS),
        "function": FunctionTransformer(np.log1p).fit(X),
        "several": {"model": steps, "names": np.array(["a", None], object), "labels": ["x"]},
        "tree": neighbors.KDTree(X),
    }
    for name, value in values.items():
        MODELS.add(f"composed-{name}", lambda folder, v=value: _both(v, folder))


def boosters() -> None:
    xgb = xgboost.XGBClassifier(n_estimators=2).fit(X, Y)
    lgb = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, Y)
    MODELS.add("xgboost-json", lambda folder: xgb.save_model(folder / "model.json"))
    MODELS.add("xgboost-ubj", lambda folder: xgb.save_model(folder / "model.ubj"))
    MODELS.add("xgboost", lambda folder: _both(xgb, folder))
    MODELS.add("xgboost-booster", lambda folder: _both(xgb.get_booster(), folder))
    MODELS.add("lightgbm", lambda folder: _both(lgb, folder))
    MODELS.add("lightgbm-booster", lambda folder: _both(lgb.booster_, folder))
    MODELS.add("lightgbm-text", lambda folder: lgb.booster_.save_model(folder / "model.txt"))
    kind = [("x", FloatTensorType([None, X.shape[1]]))]
    for name, value, convert in (
        ("xgboost", xgb, onnxmltools.convert_xgboost),
        ("lightgbm", lgb, onnxmltools.convert_lightgbm),
    ):
        graph = convert(value, initial_types=kind)
        MODELS.add(f"{name}-onnx", lambda folder, g=graph: _onnx(g, folder))
    for estimator in (linear_model.LogisticRegression(), ensemble.RandomForestClassifier(3)):
        graph = to_onnx(estimator.fit(X, Y), X[:1].astype(np.float32))
        name = type(estimator).__name__
        MODELS.add(f"sklearn-onnx-{name}", lambda folder, g=graph: _onnx(g, folder))


def _onnx(graph: Any, folder: Path) -> None:
    (folder / "model.onnx").write_bytes(graph.SerializeToString())


def tables() -> None:
    frame = pd.DataFrame({
        "number": [1, 2, 3], "text": ["x", "y", "z"], "kind": pd.Categorical(["u", "v", "u"]),
        "day": pd.date_range("2026", periods=3),
    })  # fmt: skip
    MODELS.add("pandas-frame", lambda folder: frame.to_pickle(folder / "frame.pkl"))
    MODELS.add("pandas-gzip", lambda folder: frame.to_pickle(folder / "frame.pkl.gz"))
    index = frame.set_index(["number", "text"])
    MODELS.add("pandas-index", lambda folder: index.to_pickle(folder / "frame.pkl"))
    MODELS.add("pandas-series", lambda folder: frame.number.to_pickle(folder / "series.pkl"))
    for kind in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok"):
        matrix = getattr(scipy.sparse, f"{kind}_matrix")(np.eye(4))
        MODELS.add(f"scipy-{kind}", lambda folder, m=matrix: _both(m, folder))
    MODELS.add(
        "scipy-npz",
        lambda folder: scipy.sparse.save_npz(folder / "m.npz", scipy.sparse.csr_matrix(np.eye(3))),
    )


def joblib_files() -> None:
    value = {
        "objects": np.array(["a", None], object),
        "dates": np.array(["2026-01-01"], "M8[D]"),
        "records": np.zeros(3, [("a", "i4"), ("b", "f8", (2,))]),
        "masked": np.ma.array([1, 2], mask=[False, True]),
        "fortran": np.asfortranarray(np.eye(5)),
        "random": [np.random.default_rng(1), np.random.RandomState(1)],
    }
    for method in ("zlib", "gzip", "bz2", "lzma", "xz"):
        for level in (1, 9):
            MODELS.add(
                f"joblib-{method}-{level}",
                lambda folder, how=(method, level): joblib.dump(
                    value, folder / "value.joblib", compress=how
                ),
            )
    for ending in ("z", "gz", "bz2", "xz", "lzma"):
        MODELS.add(
            f"joblib-{ending}", lambda folder, e=ending: joblib.dump(value, folder / f"v.{e}")
        )


def words() -> None:
    vectors = gensim.models.Word2Vec(WORDS, vector_size=4, min_count=1)
    parts = gensim.models.FastText(WORDS, vector_size=4, min_count=1, bucket=100)
    MODELS.add("word2vec", lambda folder: vectors.save(str(folder / "model")))
    MODELS.add("word2vec-keyed", lambda folder: vectors.wv.save(str(folder / "model.kv")))
    MODELS.add("fasttext", lambda folder: parts.save(str(folder / "model")))
    MODELS.add("fasttext-bin", lambda folder: save_facebook_model(parts, str(folder / "model.bin")))
    for binary in (True, False):
        name = "vectors.bin" if binary else "vectors.txt"
        MODELS.add(
            f"word2vec-{name}",
            lambda folder, b=binary, n=name: vectors.wv.save_word2vec_format(
                str(folder / n), binary=b
            ),
        )


def _pieces(folder: Path, kind: str) -> None:
    (folder / "texts.txt").write_text("\n".join(TEXTS))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "texts.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=30,
        model_type=kind, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip


def sentence_pieces() -> None:
    for kind in ("unigram", "bpe", "char"):
        MODELS.add(f"sentencepiece-{kind}", lambda folder, k=kind: _pieces(folder, k))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for group in (
        estimators, composed, boosters, tables, joblib_files, words, sentence_pieces,
    ):  # fmt: skip
        group()
    MODELS.main()
