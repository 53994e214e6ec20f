"""Ways to damage a file: as a disk, a network, an editor, another program or an ill-meaning person does. The same seed, the same damage."""

import copy
import csv
import io
import json
import math
import os
import shutil
import struct
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import yaml

HUGE = 2**62
VALUES = [None, True, False, 0, -1, 1, 3, HUGE, -HUGE, 10**40, 0.5, 1e308, 1e-308, math.nan, math.inf, -math.inf, "", "x", "0", "nan", "x" * 5000,
          "../../../etc/passwd", "/etc/passwd", "a\0b", "\ud800", "two\nlines", "{}", "[]", [], {}, [[]], [None], {"a": 1}, [1, "a", None],
          [[1, 2], [3]], {"": {"": []}}, list(range(200))]
DEEP = 20_000
TEXTUAL = (".json", ".jsonl", ".yaml", ".csv", ".text", ".gloss", ".txt", ".files", ".skels", ".tsv", ".md", ".html")


def damage(path: Path, rng: Random) -> str:
    """Damages the file in place, one way of many; -> which"""
    content, whole = path.read_bytes(), path.with_name(path.name + ".whole")
    ways = [*BYTES] + [*PLACES] * (rng.random() < 0.3)
    structured = STRUCTURED.get(path.suffix, [])
    if path.suffix in TEXTUAL:
        structured = structured + [*TEXTS]
    way = rng.choice(structured if structured and rng.random() < 0.6 else ways)
    path.rename(whole)                                    # the original may be shared with other cases
    whole.unlink()
    if way in PLACES:
        way(path, content, rng)
    else:
        try:
            path.write_bytes(way(content, rng))
        except Exception:                                 # damaged beyond what this way can read: then by its bytes
            path.write_bytes(flipped(content, rng))
            return "flipped"
    return way.__name__


# --- bytes -----------------------------------------------------------------------------------------------------------
def cut_short(content: bytes, rng: Random) -> bytes:
    return content[:rng.randrange(len(content) + 1)]


def without_its_start(content: bytes, rng: Random) -> bytes:
    return content[rng.randrange(min(len(content), 200) + 1):]


def flipped(content: bytes, rng: Random) -> bytes:
    found = bytearray(content or b"\0")
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def flipped_at_the_start(content: bytes, rng: Random) -> bytes:
    at = min(len(content), 256)
    return flipped(content[:at], rng) + content[at:]


def inserted(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(rng.choice((1, 2, 4, 100))) + content[at:]


def removed(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 2, 4, 100)):]


def swapped(content: bytes, rng: Random) -> bytes:
    a, b, c = sorted(rng.randrange(len(content) + 1) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def zeroed(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    part = content[at:at + rng.choice((4, 64, 4096))]
    return content[:at] + bytes(len(part)) + content[at + len(part):]


def number_put_in(content: bytes, rng: Random) -> bytes:
    """Where a size, a count or a coordinate may stand: the greatest, a negative one, no number."""
    put = rng.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\0" * 8, struct.pack("<f", math.nan),
                      struct.pack("<f", math.inf), struct.pack("<f", 1e38), struct.pack("<H", 65535), struct.pack("<Q", HUGE)))
    at = rng.randrange(max(min(len(content), rng.choice((64, 1024, len(content) + 1))) - len(put), 0) + 1)
    return content[:at] + put + content[at + len(put):]


def doubled(content: bytes, rng: Random) -> bytes:
    return content + content


def emptied(content: bytes, rng: Random) -> bytes:
    return b""


def noise(content: bytes, rng: Random) -> bytes:
    return rng.randbytes(rng.choice((1, 8, 100, 5000)))


def of_another_kind(content: bytes, rng: Random) -> bytes:
    return rng.choice((b"\x89PNG\r\n\x1a\n" + bytes(64), b"PK\x03\x04" + bytes(64), b"<!DOCTYPE html><html><body>404</body></html>",
                       b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n", b"\xff\xfea\0b\0c\0", b"\xef\xbb\xbf", b"null",
                       b"[]", b"\x80\x04]\x94.", b"\x1f\x8b\x08\0" + bytes(30),
                       b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
                       b"ffconcat version 1.0\nfile /etc/passwd\n"))


BYTES = (cut_short, without_its_start, flipped, flipped_at_the_start, inserted, removed, swapped, zeroed, number_put_in, doubled, emptied, noise,
         of_another_kind)


# --- what stands at the path -------------------------------------------------------------------------------------------
def gone(path: Path, content: bytes, rng: Random) -> None:
    pass


def a_folder(path: Path, content: bytes, rng: Random) -> None:
    path.mkdir()


def a_link_to_itself(path: Path, content: bytes, rng: Random) -> None:
    path.symlink_to(path.name)


def a_link_to_nowhere(path: Path, content: bytes, rng: Random) -> None:
    path.symlink_to("nowhere")


def a_link_out(path: Path, content: bytes, rng: Random) -> None:
    path.symlink_to("/etc/passwd")


PLACES = (gone, a_folder, a_link_to_itself, a_link_to_nowhere, a_link_out)


# --- text ------------------------------------------------------------------------------------------------------------
def not_utf8(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice((b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\0")) + content[at:]


def in_utf16(content: bytes, rng: Random) -> bytes:
    return content.decode("utf-8").encode("utf-16")


def lines_changed(content: bytes, rng: Random) -> bytes:
    lines = content.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            lines[at], lines[other] = lines[other], lines[at]
        case 1:
            del lines[at]
        case 2:
            lines.insert(at, lines[other])
        case 3:
            lines[at] = b""
        case 4:
            lines[at] += rng.choice((b" 1", b",", b"\t", b" nan", b" x", b"\r", b"|", b'"', b" 1e999", "\u2028".encode(), b" \xe2\x80\xae"))
    return b"\n".join(lines)


def number_in_text(content: bytes, rng: Random) -> bytes:
    """Another number where one stands."""
    import re

    found = list(re.finditer(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?", content))
    one = rng.choice(found)
    put = rng.choice((b"-1", b"0", b"nan", b"inf", b"1e999", b"9" * 30, b"9" * 6000, b"0.0000001", b"1e300", b"null", b"2001-99-99", b"0x_", b"1_0"))
    return content[:one.start()] + put + content[one.end():]


TEXTS = (not_utf8, in_utf16, lines_changed, number_in_text)


# --- trees: JSON and YAML ----------------------------------------------------------------------------------------------
def places(tree: object, path: tuple = ()) -> list[tuple]:
    """The ways to all nodes but the root."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in inner for found in ((*path, key), *places(value, (*path, key)))]


def changed(tree: object, rng: Random) -> object:
    """A tree with one node of another kind, gone, renamed, doubled, or in another's place."""
    tree = copy.deepcopy(tree)
    known = places(tree)
    if not known or rng.random() < 0.05:
        return copy.deepcopy(rng.choice(VALUES))
    depth = rng.choice(sorted({len(way) for way in known}))                # or the leaves, which are the most, would have it all
    *way, key = rng.choice([way for way in known if len(way) == depth])
    holder = tree
    for step in way:
        holder = holder[step]
    match rng.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("", "x", "../x", "__class__", "name", str(key).upper()))] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        case 3:
            holder[key] = {"a": holder[key]} if rng.random() < 0.5 else [holder[key]]
        case 4:
            source = tree
            for step in rng.choice(known):
                try:
                    source = source[step]
                except (KeyError, IndexError, TypeError):
                    break
            holder[key] = copy.deepcopy(source)
        case _:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
    return tree


def json_changed(content: bytes, rng: Random) -> bytes:
    return json.dumps(changed(json.loads(content), rng)).encode()


def json_deep(content: bytes, rng: Random) -> bytes:
    inner = rng.choice((b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b"[" * 900 + b"]" * 900))
    return rng.choice((inner, b'{"a": ' + inner + b"}", content.rstrip()[:-1] + b', "deep": ' + inner + b"}"))


def jsonl_changed(content: bytes, rng: Random) -> bytes:
    lines = content.splitlines()
    at = rng.randrange(len(lines))
    lines[at] = json_deep(lines[at], rng) if rng.random() < 0.1 else json_changed(lines[at], rng)
    return b"\n".join(lines) + b"\n"


def yaml_changed(content: bytes, rng: Random) -> bytes:
    return yaml.safe_dump(changed(yaml.safe_load(content), rng), sort_keys=False).encode("utf-8", "surrogatepass")


def yaml_bomb(content: bytes, rng: Random) -> bytes:
    nine = lambda k, name: b", ".join([b"*%b%d" % (name, k - 1)] * 9)
    laughs = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(b"a%d: &a%d [%s]\n" % (k, k, nine(k, b"a")) for k in range(1, 12))
    merged = b"b0: &b0 {x: 1}\n" + b"".join(b"b%d: &b%d {<<: [%s]}\n" % (k, k, nine(k, b"b")) for k in range(1, 12))
    return rng.choice((content + b"\n" + laughs, laughs, content + b"\n" + merged, b"&a [*a]", b"a: &a {b: *a}", b"[" * DEEP, b"{a: " * DEEP,
                       content + b"\nx: " + b"[" * DEEP + b"]" * DEEP, b"\n".join(b" " * k + b"a:" for k in range(500)), b"- " * DEEP + b"a"))


def yaml_code(content: bytes, rng: Random) -> bytes:
    tag = rng.choice((b"!!python/object/apply:os.getcwd []", b"!!python/name:os.system", b"!!python/object:os.PathLike {}", b"!!python/module:os",
                      b"!!binary x", b"!!set {a}", b"!!timestamp 2001-99-99", b"!own x", b"!!float x", b"!!int ''", b"? [a]\n: b",
                      b"!!omap [a: 1]", b"<<: 1", b"!!bool maybe", b"=", b"%YAML 9.9"))
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    key = lines[at].split(b":")[0]
    lines[at] = rng.choice((tag, b"x: " + tag, key + b": " + tag))
    return b"\n".join(lines)


# --- tables ------------------------------------------------------------------------------------------------------------
def csv_changed(content: bytes, rng: Random) -> bytes:
    delimiter = "|" if content.count(b"|") > content.count(b",") else ","
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))
    row = rng.choice(rows)
    at = rng.randrange(len(row))
    match rng.randrange(4):
        case 0:
            del row[at]
        case 1:
            row.insert(at, "x")
        case _:
            value = rng.choice(VALUES)
            row[at] = "\ufffd" if value == "\ud800" else str(value)
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, escapechar="\\").writerows(rows)
    return out.getvalue().encode()


def csv_quotes(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice((b'"', b'""', b"\0", b"\n", b"\r", b'"' + b"x" * 200_000)) + content[at:]


# --- archives of arrays, and tensors -----------------------------------------------------------------------------------
def _npy(header: str, body: bytes = b"") -> bytes:
    line = header.encode() + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(line)) + line + body


def npz_changed(content: bytes, rng: Random) -> bytes:
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = rng.choice(list(arrays))
    x = arrays[name]
    match rng.randrange(9):
        case 0:
            arrays[name] = x.astype(rng.choice(("f2", "f8", "i2", "u1", "c8", "S3", "U3", "?")))
        case 1:
            arrays[name] = x.reshape(-1) if x.ndim > 1 else x[None]
        case 2:
            arrays[name] = x[:0]
        case 3:
            arrays[name] = np.full_like(x, rng.choice((0, 1, -1)) if x.dtype.kind in "iu" else rng.choice((np.nan, np.inf, 1e30, 0.0)))
        case 4:
            arrays[name] = np.array([{"code": 1}, None], object)               # pickled inside
        case 5:
            arrays[name] = np.float64(3)
        case 6:
            del arrays[name]
        case 7:
            arrays[rng.choice(("../x", "", "/etc/x", "a/b", "x" * 300, "two\nlines"))] = arrays.pop(name)
        case 8:
            arrays[name] = x[..., :-1]
    out = io.BytesIO()
    np.savez_compressed(out, **{key: value for key, value in arrays.items() if key}, **({"x": x} if "" in arrays else {}))
    return out.getvalue()


def npz_lies(content: bytes, rng: Random) -> bytes:
    """Headers that claim what is not there, code in a header, a file that fills the memory when it is unpacked."""
    shape = rng.choice(("(1000000000000, 108, 3)", "(-5, 108, 3)", "(4, 108, 3)", "(99999999999999999999,)", "()", "(0, 108, 3)", "(4, 170)"))
    header = f"{{'descr': '{rng.choice(('<f4', '<f8', '|O', '<U9999999', '<i8', 'V8'))}', 'fortran_order': False, 'shape': {shape}, }}"
    body = rng.choice((_npy(header), _npy(header, bytes(5000)), _npy("__import__('os').system('true')"), _npy("{" * 5000), b"\x93NUMPY\x09\0aa",
                       _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 108, 3), }", bytes(100_000 * 108 * 12))
                       if rng.random() < 0.3 else _npy("{}")))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clip.npy", body)
    return out.getvalue()


def zip_changed(content: bytes, rng: Random) -> bytes:
    """Members of a zip of JSON files changed, or led elsewhere."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        one, way = rng.choice(names), rng.randrange(5)
        for name in names:
            inner = old.read(name)
            if name == one and way == 0:
                inner = json_changed(inner, rng)
            elif name == one and way == 1:
                name = rng.choice(("../x.json", "/x.json", "a\\..\\x.json", "x" * 400 + ".json", ".json", "two\nlines.json"))
            elif name == one and way == 2:
                inner = b'{"people": [' + b" " * (150 * 2**20) + b"]}"
            elif name == one and way == 3:
                inner = rng.choice(BYTES)(inner, rng)
            elif name == one and way == 4:
                continue
            new.writestr(name, inner)
    return out.getvalue()


def tensors_changed(content: bytes, rng: Random) -> bytes:
    """The header of a safetensors file."""
    size = struct.unpack("<Q", content[:8])[0]
    header, body = json.loads(content[8:8 + size]), content[8 + size:]
    names = [name for name in header if name != "__metadata__"]
    one = rng.choice(names)
    match rng.randrange(9):
        case 0:
            header[one]["shape"] = rng.choice(([], [-1, 3], [HUGE, HUGE], [0], [1], [10**12], header[one]["shape"][::-1]))
        case 1:
            header[one]["dtype"] = rng.choice(("F64", "I64", "BF16", "F8_E4M3", "BOOL", "U8", "X", "", None))
        case 2:
            header[one]["data_offsets"] = rng.choice(([0, 0], [-4, 4], [0, 2**40], [2**63, 2**64 - 1], [8, 4]))
        case 3:
            header["__metadata__"] = rng.choice(({}, {"fps": "nan"}, {"fps": "-1"}, {"fps": "1e300"}, {"told": "{}"}, {"told": "[" * DEEP},
                                                 {"told": "1"}))
        case 4:
            header.pop("__metadata__", None)
        case 5:
            header[rng.choice(("x", "", "../x", "000099", "a/b/c"))] = header.pop(one)
        case 6:
            return struct.pack("<Q", rng.choice((0, 1, HUGE, 2**64 - 1, size + 1, size - 1, 50_000_000))) + content[8:]
        case 7:
            return content[:8] + json.dumps(changed(header, rng)).encode()[:size].ljust(size) + body
        case 8:
            at = rng.randrange(len(body) + 1)
            return content[:8 + size] + body[:at] + struct.pack("<f", rng.choice((math.nan, math.inf, 1e38))) + body[at + 4:]
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + body


STRUCTURED = {
    ".json": [json_changed] * 5 + [json_deep], ".jsonl": [jsonl_changed] * 4, ".yaml": [yaml_changed] * 4 + [yaml_bomb, yaml_code],
    ".csv": [csv_changed] * 3 + [csv_quotes], ".npz": [npz_changed] * 2 + [npz_lies], ".zip": [zip_changed], ".safetensors": [tensors_changed] * 2,
}


def linked_copy(source: Path, to: Path) -> None:
    """A folder whose files are the same ones: a case replaces the one that it damages."""
    shutil.copytree(source, to, copy_function=os.link, symlinks=True)
