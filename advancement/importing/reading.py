"""From a file's bytes to its lines: gzip or plain, strict UTF-8, and never more than one line in memory."""

import contextlib
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from advancement.importing.outcome import BadFile

MAX_RECORD_BYTES: Final = 2**20
STDIN: Final = "-"

_BLOCK: Final = 2**18
# A bomb is told by its ratio; small files of repeated rows may well exceed it.
_BOMB_BYTES: Final = 16 * 2**20
_BOMB_RATIO: Final = 250
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_BOMS: Final = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_OTHER_FORMATS: Final = {
    b"\x1f\x8b": "compressed twice",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
    b"\x89PNG": "a picture",
}
_UNUSUAL_IN_TEXT: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


class Source:
    """An open file: `lines()` yields its lines with their numbers, `bytes_read` tells how far it is.

    Every fault of the file as a whole is raised as BadFile.
    """

    def __init__(self, raw: BinaryIO, size: int | None = None) -> None:
        self.size = size
        self._counted = _Filling(raw)
        stream: io.BufferedReader[io.RawIOBase] = io.BufferedReader(self._counted, _BLOCK)
        if stream.peek(2)[:2] == b"\x1f\x8b":
            stream = io.BufferedReader(_Gunzip(stream, self._counted), _BLOCK)
        self._stream = stream
        self.head = self._check_head()

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file, compressed or not, were read so far."""
        return self._counted.total

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield each line with its number, from 1, and with its line end.

        Raise BadFile for a line over 1 MiB, for text that is not UTF-8, and where reading fails.
        """
        readline = self._stream.readline
        number = 0
        while line := readline(MAX_RECORD_BYTES + 1):
            number += 1
            if len(line) > MAX_RECORD_BYTES:
                too_long(number)
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                raise BadFile(_encoding_sentence(line, error), number) from None
            yield number, text

    def _check_head(self) -> str:
        """Skip the byte order mark and return what the file begins with."""
        head = self._stream.peek(_BLOCK)
        if head.startswith(_BOM):
            self._stream.read(len(_BOM))
            head = head[len(_BOM) :]
        if not head:
            raise BadFile("the file is empty; export it again")
        for mark, encoding in _OTHER_BOMS.items():
            if head.startswith(mark):
                raise BadFile(_reencode(encoding))
        for magic, name in _OTHER_FORMATS.items():
            if head.startswith(magic):
                raise BadFile(f"this is {name}, not text; give CSV or JSONL, plain or compressed with gzip")
        _check_zeros(head[:4096])
        return head.decode(errors="replace")


class _Filling(io.RawIOBase):
    """A raw stream that fills each request, so that a slow pipe shows its first bytes at once."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: "memoryview | bytearray") -> int:  # type: ignore[override]
        filled = 0
        try:
            while filled < len(target) and (data := self._raw.read(len(target) - filled)):
                target[filled : filled + len(data)] = data
                filled += len(data)
        except OSError as error:
            raise BadFile(f"it cannot be read ({error.strerror or error})") from error
        self.total += filled
        return filled


class _Gunzip(io.RawIOBase):
    """The text of a gzip stream; says what is wrong with a damaged or an absurdly packed one."""

    def __init__(self, packed: BinaryIO, counted: _Filling) -> None:
        self._file = gzip.GzipFile(fileobj=packed)
        self._counted = counted
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: "memoryview | bytearray") -> int:  # type: ignore[override]
        filled = 0
        try:
            while filled < len(target) and (data := self._file.read1(len(target) - filled)):
                target[filled : filled + len(data)] = data
                filled += len(data)
        except EOFError:
            raise BadFile("the gzip file is truncated: its end is missing; fetch it again") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadFile(f"the gzip file is damaged ({error}); fetch it again") from None
        self._total += filled
        if self._total > _BOMB_BYTES and self._total > _BOMB_RATIO * self._counted.total:
            raise BadFile(
                f"the gzip file unpacks to more than {_BOMB_RATIO} times its size, as a gzip bomb does; "
                "if you trust it, unpack it and import the plain file"
            )
        return filled


def name_of(path: str) -> str:
    """Return what messages call the file, and what files beside it are named after."""
    return "stdin" if path == STDIN else path


@contextlib.contextmanager
def open_source(path: str) -> Iterator[Source]:
    """Open a file, or standard input for `-`; raise BadFile where that is not possible."""
    if path == STDIN:
        if sys.stdin is None:
            raise BadFile("it is closed; name a file instead")
        yield Source(sys.stdin.buffer)
        return
    try:
        raw = Path(path).open("rb", buffering=0)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise BadFile("there is no such file; check the path") from None
    except IsADirectoryError:
        raise BadFile("this is a directory; name a file in it") from None
    except PermissionError:
        raise BadFile("it may not be read by this user; check its permissions") from None
    except (OSError, ValueError) as error:
        raise BadFile(f"it cannot be opened ({error})") from error
    with raw:
        yield Source(raw, os.fstat(raw.fileno()).st_size)


def too_long(line: int) -> NoReturn:
    """Refuse the record that starts in this line."""
    raise BadFile(
        "this record is longer than 1 MiB; shorten it, or close the quote that it leaves open", line
    )


def _check_zeros(head: bytes) -> None:
    zeros = head.count(0)
    if zeros * 4 < len(head):
        return
    if max(head[::2].count(0), head[1::2].count(0)) * 10 > zeros * 9 and zeros < len(head):
        raise BadFile(_reencode("UTF-16"))
    raise BadFile("this is binary data, not text; give CSV or JSONL")


def _encoding_sentence(line: bytes, error: UnicodeDecodeError) -> str:
    if any(byte in _UNUSUAL_IN_TEXT for byte in line):
        return "this is binary data, not text; give CSV or JSONL"
    return (
        f"byte {error.start + 1} of the line (0x{line[error.start]:02X}) is not UTF-8, perhaps it is "
        "Windows-1252; convert the file with iconv -f cp1252 -t utf-8"
    )


def _reencode(encoding: str) -> str:
    return f"the file is {encoding}, not UTF-8; convert it with iconv -f {encoding.lower()} -t utf-8"
