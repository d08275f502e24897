"""What goes wrong on Spark is an errored step that says what to type: all else of the run goes on, nothing stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

import lakeflow
from lakeflow.adapters.spark import session as sessions
from lakeflow.core.errors import AssetError, CodeError, EngineLostError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.settings.spark import NO_SPARK, SparkSettings
from tests.spark.session import required
from tests.spark.test_engine import steps_of, write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK = '[tool.lakeflow]\n[tool.lakeflow.spark]\nmaster = "local[1]"\n"spark.driver.memory" = "512m"\n'
HEAD = '/*\nengine = "spark"\nkind = "mart"\n{}\n*/\n'
FUNCTIONS = """
from __future__ import annotations

import os
import threading
import time

from lakeflow import asset

GIVEN = {"inputs": {"rows": "silver.rows"}, "engine": "spark", "kind": "mart"}


def _mapped(rows, work):
    from pyspark.sql import functions as F

    return rows.select(F.udf(work, "long")("id").alias("id"))


@asset(**GIVEN)
def raises(rows):
    def work(number):
        raise ValueError("boom")

    return _mapped(rows, work)


@asset(**GIVEN)
def exits(rows):
    return _mapped(rows, lambda number: os._exit(3))


@asset(**GIVEN)
def loosens(rows):
    rows.sparkSession.conf.set("spark.sql.ansi.enabled", "false")
    return rows


@asset(**GIVEN)
def returns(rows):
    return [1]


@asset(**GIVEN)
def kills(rows):
    import psutil

    for child in psutil.Process().children(recursive=True):
        if "java" in child.name():
            child.kill()
    return rows


@asset(**GIVEN)
def stops(rows):
    from pyspark.sql import functions as F

    context = rows.sparkSession.sparkContext
    threading.Timer(1.0, context._jsc.sc().stop).start()
    return rows.repartition(2).select(F.udf(lambda number: time.sleep(3600) or number, "long")("id").alias("id"))


@asset(**GIVEN)
def halts(rows):
    machine = rows.sparkSession.sparkContext._jvm
    try:
        machine.java.lang.Runtime.getRuntime().halt(1)
    except Exception:
        return machine.org.apache.spark.Nothing(rows)


@asset(**GIVEN, timeout=5)
def sleeps(rows):
    time.sleep(3600)
    return rows
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    required()
    root = tmp_path_factory.mktemp("faults")
    write(root, "pyproject.toml", SPARK)
    write(root, "layers/bronze/raw.sql", "select i as id, time '10:00' as t from range(5) t(i)")
    write(root, "layers/silver/rows.sql", '/*\nkey = ["id"]\n*/\nselect id from bronze.raw')
    write(root, "layers/silver/lacks.sql", '/*\nengine = "spark"\nkey = ["id"]\n*/\nselect * from bronze.raw')
    write(root, "layers/gold/many.sql", HEAD.format("max_rows = 3") + "select id from silver.rows")
    memory = HEAD.format("retries = 0") + "select repeat('x', 2000000000) as x from silver.rows"
    write(root, "layers/gold/memory.sql", memory)
    write(root, "layers/gold/zebra.sql", HEAD.format("") + "select id + 1 as id from silver.rows")
    write(root, "layers/gold/functions.py", FUNCTIONS)
    return root


@pytest.fixture(scope="module")
def steps(root: Path) -> Iterator[dict[str, Any]]:
    with lakeflow.open(root) as lake:
        yield steps_of(lake)


@pytest.mark.parametrize(
    ("asset", "says"),
    [
        ("silver.lacks", "column 't' of bronze.raw is time, a type that Spark lacks"),
        ("gold.many", "it gives 5 rows, more than its max_rows of 3"),
        ("gold.memory", "the driver of Spark"),
        ("gold.raises", "a function of Python raised ValueError: boom"),
        ("gold.exits", "gold.exits"),
        ("gold.loosens", "the code changes spark.sql.ansi.enabled"),
        ("gold.returns", "the function returned a builtins.list"),
        ("gold.kills", "the driver of Spark ended"),
        ("gold.stops", "the driver of Spark ended"),
        ("gold.halts", "the driver of Spark ended"),
        ("gold.sleeps", "it took longer than 5 s and was stopped"),
    ],
)
def test_each_says_what_is_wrong(steps: dict[str, Any], asset: str, says: str) -> None:
    assert str(steps[asset].state) == "errored"
    assert says in steps[asset].reason


def test_whatever_else_runs_on_spark_is_published_on_a_session_of_its_own_where_one_was_lost(
    steps: dict[str, Any],
) -> None:
    assert [str(steps[each].state) for each in ("silver.rows", "gold.zebra")] == ["published"] * 2


def test_nothing_of_lost_sessions_stays(root: Path, steps: dict[str, Any]) -> None:
    assert steps
    assert not list((root / ".lakeflow" / "spill").glob("spark-*/*/*/part-*"))


def test_where_pyspark_is_not_installed_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sessions, "find_spec", lambda _name: None)
    with pytest.raises(AssetError, match="pyspark is not installed") as error:
        sessions.start(NO_SPARK, tmp_path)
    assert 'pip install "lakeflow-wap[spark]"' in (error.value.hint or "")


@pytest.mark.parametrize(
    ("master", "variables", "says"),
    [
        ("spark://127.0.0.1:1", {}, "no Spark cluster answers at 127.0.0.1:1"),
        ("local[1]", {"JAVA_HOME": "/nowhere"}, "there is no Java, and Spark runs this asset"),
        ("local[many]", {}, "Spark does not start"),
    ],
)
def test_a_cluster_that_is_away_leaves_the_rest_of_the_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, master: str, variables: dict[str, str], says: str
) -> None:
    required()
    write(tmp_path, "pyproject.toml", SPARK.replace("local[1]", master))
    write(tmp_path, "layers/bronze/raw.sql", "select 1 as id")
    write(tmp_path, "layers/silver/rows.sql", '/*\nkey = ["id"]\n*/\nselect id from bronze.raw')
    write(tmp_path, "layers/silver/far.sql", '/*\nengine = "spark"\nkey = ["id"]\n*/\nselect id from bronze.raw')
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with lakeflow.open(tmp_path) as lake:
        steps = steps_of(lake)
    assert [str(steps[f"silver.{each}"].state) for each in ("rows", "far")] == ["published", "errored"]
    assert says in steps["silver.far"].reason


def test_a_cluster_that_lacks_the_store_says_what_to_give_it_and_no_secret(session: SparkSession) -> None:
    from lakeflow.adapters.spark.failures import Running, failures

    far = Asset(AssetKey.parse("gold.far"), SqlCode("", "layers/gold/far.sql", 1), WriteMode.REPLACE)
    mine = session.newSession()
    mine.conf.set("spark.hadoop.fs.s3a.secret.key", "hush-hush")
    said = r"gold\.far: Spark cannot reach the store: .*S3AFileSystem not found"
    with pytest.raises(AssetError, match=said) as error, failures(Running(far, False, mine)):
        mine.read.parquet("s3a://bucket/file.parquet")
    assert "spark.hadoop.fs.s3a.access.key" in (error.value.hint or "")
    assert "hush" not in error.value.message + (error.value.hint or "")


DENIED = "java.nio.file.AccessDeniedException: "
AMAZON = "com.amazonaws.services.s3.model.AmazonS3Exception: "
S3A = {
    "forbidden": f"{DENIED}s3a://far/a: getFileStatus on s3a://far/a: {AMAZON}Forbidden (Service: Amazon S3; Status "
    "Code: 403; Error Code: 403 Forbidden; Request ID: null)",
    "none": f"{DENIED}far: org.apache.hadoop.fs.s3a.auth.NoAuthWithAWSException: No AWS Credentials provided by "
    "TemporaryAWSCredentialsProvider SimpleAWSCredentialsProvider EnvironmentVariableCredentialsProvider",
    "unknown": f"{AMAZON}The AWS Access Key Id you provided does not exist in our records. (Service: Amazon S3; Status "
    "Code: 403; Error Code: InvalidAccessKeyId)",
    "wrong": f"{AMAZON}The request signature we calculated does not match the signature you provided. (Service: Amazon "
    "S3; Status Code: 403; Error Code: SignatureDoesNotMatch)",
}
"""What Hadoop's S3A says with no keys and with wrong ones, as its users report it. pyspark comes without its jars, so
a task raises these texts in its place.
"""


@pytest.mark.parametrize("said", S3A.values(), ids=S3A)
def test_a_cluster_without_the_stores_credentials_says_what_to_give_it(session: SparkSession, said: str) -> None:
    from lakeflow.adapters.spark.failures import Running, failures

    far = Asset(AssetKey.parse("gold.far"), SqlCode("", "layers/gold/far.sql", 1), WriteMode.REPLACE)
    refused = pytest.raises(AssetError, match=r"gold\.far: Spark cannot reach the store: ")
    with refused as error, failures(Running(far, False, session)):
        session.sql(f"select raise_error('{said}')").collect()
    assert not isinstance(error.value, EngineLostError)
    assert said[-40:] in error.value.message
    assert "spark.hadoop.fs.s3a.access.key" in (error.value.hint or "")


class Ended:
    """The session of a driver that was stopped, as Spark leaves it."""

    @property
    def sparkContext(self) -> Any:  # noqa: N802 - as Spark calls it
        raise AttributeError("'NoneType' object has no attribute 'sc'")


ANY_WORDS = [
    "PySparkException('Job 7 cancelled because SparkContext was shut down')",
    "PySparkException('words that nobody has seen before')",
    "Py4JError('An error occurred while calling o7.count')",
    "ConnectionResetError(104, 'Connection reset by peer')",
    "TypeError(\"'JavaPackage' object is not callable\")",
    "CodeError('gold.far: TypeError: it is no number', asset=AssetKey.parse('gold.far'))",
]


@pytest.mark.parametrize("raised", ANY_WORDS)
def test_a_driver_that_ended_is_told_as_that_in_whatever_words_it_is_noticed(
    raised: str, session: SparkSession
) -> None:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    from lakeflow.adapters.spark.failures import Running, failures

    names = {"Py4JError": Py4JError, "PySparkException": PySparkException, "CodeError": CodeError, "AssetKey": AssetKey}
    error: Exception = eval(raised, names)
    far = Asset(AssetKey.parse("gold.far"), SqlCode("", "layers/gold/far.sql", 1), WriteMode.REPLACE)
    ended: Any = Ended()
    with pytest.raises(EngineLostError, match="the driver of Spark ended") as lost, failures(Running(far, True, ended)):
        raise error
    assert "raise spark.driver.memory" in (lost.value.hint or "")
    with pytest.raises(TypeError if isinstance(error, TypeError) else AssetError) as told:  # noqa: SIM117 - two things
        with failures(Running(far, True, session)):
            raise error
    assert not isinstance(told.value, EngineLostError), "it still answers"


@pytest.mark.parametrize(("silent", "rows"), [(2, 5), (3, None)])
def test_rows_that_spark_does_not_count_are_computed_again_and_never_taken(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: int, rows: int | None
) -> None:
    from pyspark.sql import Observation

    from lakeflow.adapters.spark.rows import computed

    told = Observation.get.fget
    left = iter(range(silent))
    monkeypatch.setattr(Observation, "get", property(lambda self: told(self) if next(left, None) is None else {}))
    schema = Schema((Field("id", Primitive("long"), 1),))
    if rows is None:
        with pytest.raises(AssetError, match="Spark wrote 3 times, and never said how many rows"):
            computed([session.range(5)], schema, tmp_path)
    else:
        assert sum(pq.read_metadata(file).num_rows for file in computed([session.range(5)], schema, tmp_path)) == rows


def test_a_client_of_spark_connect_that_counts_no_rows_is_refused(tmp_path: Path) -> None:
    required()
    with pytest.raises(AssetError, match=r"the client of Spark Connect in pyspark 3\.\S+ does not count rows") as error:
        sessions.start(SparkSettings(remote="sc://127.0.0.1:1"), tmp_path)
    assert "pyspark[connect]>=4.0" in (error.value.hint or "")
