"""The aircraft registry. In Python, because it is a table of names and types: a loop says it once."""

from lakeflow import Relation, asset

COLUMNS = [
    # as landed, as published, type
    ("tailnum", "tailnum", "varchar"),
    ("year", "built", "int"),
    ("type", "kind", "varchar"),
    ("manufacturer", "manufacturer", "varchar"),
    ("model", "model", "varchar"),
    ("engines", "engines", "int"),
    ("engine", "engine_kind", "varchar"),
    ("seats", "seats", "int"),
    ("speed", "cruise_speed", "int"),
]


@asset(
    inputs={"raw": "bronze.planes"},
    key=["tailnum"],
    owner="data-platform",
    tags=["reference"],
    columns={
        "tailnum": {"description": "Registration, as painted on the tail."},
        "built": {"description": "Year of manufacture."},
        "cruise_speed": {"description": "Miles an hour; known for few."},
    },
)
def aircraft(raw: Relation) -> Relation:
    """One row per registered aircraft."""
    typed = (f"nullif({landed}, 'NA')::{type_} as {name}" for landed, name, type_ in COLUMNS)
    return raw.select(", ".join(typed)).distinct()
