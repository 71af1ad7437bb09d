"""Real requirement sets of 3, 10 and 60 packages, as flows ask for them; Metaflow's own pins are part of each."""

from __future__ import annotations

SETS: dict[str, tuple[str, ...]] = {
    "3 packages": ("pandas", "requests>=2.21.0", "scikit-learn"),
    "10 packages": (
        "boto3>=1.14.0", "fastapi", "matplotlib", "pandas", "pillow", "pyarrow", "requests>=2.21.0", "scikit-learn",
        "sqlalchemy", "xgboost",
    ),
    "60 packages": (
        "aiohttp", "altair", "attrs", "beautifulsoup4", "boto3>=1.14.0", "catboost", "click", "cryptography",
        "cython", "dask", "duckdb", "fastapi", "filelock", "fsspec", "google-cloud-storage", "great-expectations",
        "httpx", "huggingface-hub", "hydra-core", "imbalanced-learn", "joblib", "jinja2", "lightgbm", "lxml",
        "matplotlib", "mlflow", "networkx", "nltk", "numpy", "onnx", "onnxruntime", "opencv-python-headless",
        "openpyxl", "optuna", "orjson", "pandas", "pillow", "plotly", "polars", "psutil", "psycopg2-binary",
        "pyarrow", "pydantic", "pytest", "pyyaml", "redis", "regex", "requests>=2.21.0", "rich", "s3fs",
        "scikit-learn", "scipy", "seaborn", "sentencepiece", "sqlalchemy", "statsmodels", "tokenizers", "tqdm",
        "transformers", "xgboost",
    ),
}  # fmt: skip
