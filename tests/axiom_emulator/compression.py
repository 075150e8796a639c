# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content encodings of OTLP requests, decompressed under a size cap."""

from __future__ import annotations

import zlib

import brotli
import zstandard

from axiom_emulator.errors import ApiError

LIMIT = 4 * 1024 * 1024
"""Bytes after decompression; one more is answered 413."""

_STEP = 64 * 1024
_ZSTD_STEP = 1024
"""Bytes of input at a time: the library has no cap on output, and a block of four bytes may stand for 128 KiB."""
_ZSTD_WINDOW = 128 * 1024 * 1024


def decompress(body: bytes, encoding: str, limit: int = LIMIT) -> bytes:
    """Return the payload; ApiError 413 over the limit, 415 on an unknown encoding, 400 on a corrupt body."""
    try:
        plain = _DECODERS[encoding](body, limit + 1)
    except KeyError:
        raise ApiError(415, f"content-encoding {encoding!r} is none of gzip, zstd, br, deflate") from None
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
        raise ApiError(400, f"the body is not valid {encoding}") from error
    if len(plain) > limit:
        raise ApiError(413, f"the payload is larger than {limit} bytes after decompression")
    return plain


def _identity(body: bytes, cap: int) -> bytes:
    return body[:cap]


def _zlib(body: bytes, cap: int, window: int) -> bytes:
    decoder = zlib.decompressobj(window)
    plain = decoder.decompress(body, cap)
    if len(plain) < cap and (not decoder.eof or decoder.unused_data):
        raise EOFError
    return plain


def _gzip(body: bytes, cap: int) -> bytes:
    return _zlib(body, cap, 16 + zlib.MAX_WBITS)


def _deflate(body: bytes, cap: int) -> bytes:
    return _zlib(body, cap, zlib.MAX_WBITS)


def _zstd(body: bytes, cap: int) -> bytes:
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    plain = b""
    for start in range(0, len(body), _ZSTD_STEP):
        if decoder.eof:
            raise EOFError
        plain += decoder.decompress(body[start : start + _ZSTD_STEP])
        if len(plain) >= cap:
            return plain[:cap]
    if not decoder.eof or decoder.unused_data:
        raise EOFError
    return plain


def _brotli(body: bytes, cap: int) -> bytes:
    decoder = brotli.Decompressor()
    plain = decoder.process(body, output_buffer_limit=_STEP)
    while len(plain) < cap and not decoder.is_finished():
        more = decoder.process(b"", output_buffer_limit=_STEP)
        if not more:
            raise EOFError
        plain += more
    return bytes(plain[:cap])


_DECODERS = {"": _identity, "identity": _identity, "gzip": _gzip, "deflate": _deflate, "zstd": _zstd, "br": _brotli}
