"""The codec of an Avro file is the one that pyiceberg finds."""

from __future__ import annotations

import pytest
from pyiceberg.avro.file import AvroFileHeader

from lakeflow.adapters.iceberg.disk.avro_reader import _CodecHeader


@pytest.mark.parametrize("meta", [{"avro.codec": name} for name in ("null", "deflate", "zstandard", "snappy")])
def test_a_known_codec_is_theirs(meta: dict[str, str]) -> None:
    ours, theirs = (header(b"Obj\x01", meta, b"") for header in (_CodecHeader, AvroFileHeader))
    assert ours.compression_codec() is theirs.compression_codec()


@pytest.mark.parametrize("meta", [{}, {"avro.codec": "lzma"}])
def test_any_other_is_refused_as_they_refuse_it(meta: dict[str, str]) -> None:
    said = []
    for header in (_CodecHeader, AvroFileHeader):
        with pytest.raises(ValueError, match="Unsupported codec") as caught:
            header(b"Obj\x01", meta, b"").compression_codec()
        said.append(str(caught.value))
    assert said[0] == said[1]
