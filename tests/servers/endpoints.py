"""What a test is given of a server: where it is, and the keys to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from lakeflow.core.settings.storage import Storage

_numbers = count(1)


@dataclass(frozen=True)
class Endpoint:
    """A store that speaks S3; `region` is what requests are signed with."""

    uri: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"

    def bucket(self) -> str:
        """The name of a new, empty one."""
        from pyarrow.fs import FileSystem

        name = f"bucket-{next(_numbers)}"
        filesystem: FileSystem = self.filesystem()
        filesystem.create_dir(name)
        return name

    @property
    def storage(self) -> Storage:
        """As a lake's settings reach it."""
        return Storage(
            endpoint=self.uri,
            region=self.region,
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
        )

    @property
    def for_pyiceberg(self) -> dict[str, str]:
        """As pyiceberg is told of it."""
        return {
            "s3.endpoint": self.uri,
            "s3.region": self.region,
            "s3.access-key-id": self.access_key,
            "s3.secret-access-key": self.secret_key,
        }

    def filesystem(self) -> object:
        """pyarrow's own client, as a reader that is not ours."""
        from pyarrow.fs import S3FileSystem

        return S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            endpoint_override=self.uri,
            region=self.region,
            allow_bucket_creation=True,
        )


@dataclass(frozen=True)
class Rest:
    """An Iceberg REST catalog: `warehouse` is the name of one that is empty, and where its tables lie.

    `store` is where its tables' files are, None for local files. `credential` is `id:secret` for OAuth2 at
    `{uri}/v1/oauth/tokens` with the scope `catalog`; a catalog without one asks nobody who they are.
    """

    uri: str
    warehouse: str
    location: str
    credential: str = field(default="", repr=False)
    store: Endpoint | None = None
