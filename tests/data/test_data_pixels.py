"""Single images: broken metadata, deep colour, formats, sizes; each a picture or a sentence with
the file's name."""

import io
import os
import struct
import threading
import zlib

import numpy as np
import pytest
from own_files import made_images, png
from PIL import Image

from bickd_core.data import pixels
from bickd_core.data.errors import DataError
from bickd_core.data.pixels import Encoded, decode, header

PIXELS = made_images(1, side=24)[0]


def read(data, channels=3, size=24):
    return decode(Encoded(data, "photo.jpg"), channels, size)


def refusal(data) -> str:
    with pytest.raises(DataError) as caught:
        read(data)
    assert "photo.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError):
        header(Encoded(data, "photo.jpg"))
    return str(caught.value)


def saved(format: str, image: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(buffer, format, **options)
    return buffer.getvalue()


# -- metadata ------------------------------------------------------------------------------------------
def ifd(*entries) -> bytes:
    """EXIF with one directory; entries are tag, type, count, four bytes."""
    rows = b"".join(
        struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries
    )
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + b"\0\0\0\0"


TURNED = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
AT_38 = struct.pack("<I", 38)
BROKEN = {
    "a rational of 1/0": ifd(TURNED, (0x011A, 5, 1, AT_38)) + struct.pack("<II", 1, 0),
    "two values for one": ifd(TURNED, (0x0100, 3, 2, struct.pack("<HH", 1, 2))),
    "bytes for a rational": ifd(TURNED, (0x011A, 7, 4, b"abcd")),
    "a rational for a short": ifd(TURNED, (0x0128, 5, 1, AT_38)) + struct.pack("<II", 7, 2),
    "a number for text": ifd(TURNED, (0x010F, 5, 1, AT_38)) + struct.pack("<II", 7, 2),
    "an offset out of the file": ifd(TURNED, (0x8825, 4, 1, struct.pack("<I", 999_999))),
    "exif twice": b"Exif\0\0" + ifd(TURNED),
}
UNKNOWN = {
    "orientation as text": ifd((0x0112, 2, 4, b"six\0")),
    "two orientations": ifd((0x0112, 3, 2, struct.pack("<HH", 6, 6))),
    "no directory": b"Exif\0\0II*\0",
}


@pytest.mark.parametrize("exif", BROKEN.values(), ids=BROKEN)
def test_an_image_with_other_broken_metadata_is_turned_as_they_say(exif):
    plain = read(saved("JPEG", quality=95))
    np.testing.assert_array_equal(
        read(saved("JPEG", quality=95, exif=exif)), np.rot90(plain, -1, (1, 2))
    )


@pytest.mark.parametrize("exif", UNKNOWN.values(), ids=UNKNOWN)
def test_an_image_whose_orientation_cannot_be_read_is_not_turned(exif):
    np.testing.assert_array_equal(read(saved("JPEG", exif=exif)), read(saved("JPEG")))


def test_every_orientation_turns_as_pillow_does():
    from PIL import ImageOps

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = saved("PNG", exif=exif)
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(ImageOps.exif_transpose(image)).transpose(2, 0, 1)
        for form in (data, saved("TIFF", exif=exif), saved("TIFF", exif=exif, compression="raw")):
            np.testing.assert_array_equal(read(form), expected)


def test_whatever_a_codec_raises_names_the_file(monkeypatch):
    for error in (
        struct.error("odd"),
        TypeError("odd"),
        AttributeError("odd"),
        NotImplementedError(),
        RuntimeError("odd\nx"),
    ):
        monkeypatch.setattr(
            Image.Image, "convert", lambda self, *rest, error=error: (_ for _ in ()).throw(error)
        )
        with pytest.raises(
            DataError, match=r"the image photo.jpg cannot be read \((odd|NotImplementedError)\)"
        ):
            read(png(PIXELS))


# -- more than 8 bits ------------------------------------------------------------------------------------
def png16(values: np.ndarray, colour: int) -> bytes:
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff16() -> bytes:
    values = (PIXELS.astype("<u2") * 16).tobytes()
    side, after = len(PIXELS), 8 + 2 + 9 * 12 + 4
    entries = (
        (256, side),
        (257, side),
        (258, after),
        (259, 1),
        (262, 2),
        (273, after + 6),
        (277, 3),
        (278, side),
    )
    rows = [struct.pack("<HHII", tag, 3, 3 if tag == 258 else 1, value) for tag, value in entries]
    rows.append(struct.pack("<HHII", 279, 4, 1, len(values)))
    head = b"II*\0" + struct.pack("<IH", 8, 9) + b"".join(rows) + struct.pack("<I3H", 0, 16, 16, 16)
    return head + values


DEEP = {
    "RGB png": png16(PIXELS.astype(int) * 16, 2),
    "RGBA png": png16(np.dstack([PIXELS, PIXELS[..., :1]]).astype(int) * 16, 6),
    "LA png": png16(PIXELS[..., :2].astype(int) * 16, 4),
    "grey png": png16(PIXELS[..., :1].astype(int) * 16, 0),
    "RGB tiff": tiff16(),
    "RGB ppm": b"P6 24 24 65535\n" + bytes(24 * 24 * 6),
    "12-bit ppm": b"P6 24 24 4095\n" + bytes(24 * 24 * 6),
}  # fmt: skip


@pytest.mark.parametrize("data", DEEP.values(), ids=DEEP)
def test_more_than_eight_bits_a_channel_are_refused(data):
    """Pillow would keep the high byte: 12 bits of a camera in 16 become nearly black."""
    assert "bits per channel" in (message := refusal(data))
    assert "save it with 8" in message


@pytest.mark.parametrize("format", ["BMP", "PNG", "PPM", "TIFF", "WEBP"])
def test_the_formats_in_the_documentation_are_read(format):
    lossless = {"lossless": True} if format == "WEBP" else {}
    np.testing.assert_array_equal(read(saved(format, **lossless)), PIXELS.transpose(2, 0, 1))


def test_jpegs_of_cameras_with_more_than_one_picture_are_read():
    two = saved("MPO", save_all=True, append_images=[Image.new("RGB", (24, 24))])
    np.testing.assert_array_equal(read(two), read(saved("JPEG")))


# -- formats that are not opened -----------------------------------------------------------------------------
@pytest.mark.parametrize("format", ["EPS", "ICO", "TGA", "DDS", "AVIF", "JPEG2000", "PCX", "PDF"])
def test_other_formats_are_not_opened_whatever_they_are_called(format):
    assert "is not an image that can be read (BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP)" in refusal(
        saved(format)
    )


def test_postscript_never_starts_ghostscript(monkeypatch, tmp_path):
    from PIL import EpsImagePlugin

    def never(*arguments, **options):
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", never)
    path = tmp_path / "photo.jpg"
    path.write_bytes(saved("EPS"))
    assert "is not an image" in refusal(path)


# -- size ----------------------------------------------------------------------------------------------------
def blank_png(width: int, height: int) -> bytes:
    """A grey PNG of one colour, compressed row by row: little memory, whatever its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj()
    data = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_too_many_pixels_are_refused_by_the_header(monkeypatch):
    from PIL import ImageFile

    def never(*arguments):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    message = refusal(blank_png(8_500, 8_000))
    assert "has 68 million pixels; at most 64 million are read, so scale it down" in message
    start = blank_png(1, 1)
    size = struct.pack(">II", 60_000, 60_000)
    chunk = start[12:16] + size + start[24:29]
    bomb = start[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + start[33:]
    assert "has too many pixels" in refusal(bomb)  # Pillow's own limit, three times ours


@pytest.mark.parametrize(
    "start",
    [
        b"VP8X" + bytes(8) + (16_000).to_bytes(3, "little") * 2,
        b"VP8L" + bytes(5) + (16_000 | 16_000 << 14).to_bytes(4, "little") + bytes(5),
        b"VP8 " + bytes(10) + struct.pack("<HH", 16_000, 16_000),
    ],
)
def test_a_webp_is_refused_before_pillow_makes_room_for_it(monkeypatch, start):
    def never(*arguments, **options):
        raise AssertionError("it was opened")

    monkeypatch.setattr(Image, "open", never)
    assert "has 256 million pixels" in refusal(b"RIFF" + bytes(4) + b"WEBP" + start + bytes(40))


def test_a_large_jpeg_is_decoded_smaller(monkeypatch):
    monkeypatch.setattr(pixels, "MAX_PIXELS", 400_000)
    smooth = Image.linear_gradient("L").resize((1_200, 900)).convert("RGB")
    data = saved("JPEG", smooth, quality=95)
    found = read(data, size=32)
    monkeypatch.setattr(pixels, "MAX_PIXELS", 64_000_000)
    assert np.abs(found.astype(int) - read(data, size=32)).max() <= 2
    assert header(Encoded(data, "photo.jpg")).width == 1_200
    monkeypatch.setattr(pixels, "MAX_PIXELS", 10_000)
    assert "has 1 million pixels" in refusal(data)


def test_large_images_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(pixels, "LARGE_PIXELS", 100)
    inside, most, lock = 0, 0, threading.Lock()
    real = pixels.to_array

    def watched(*arguments):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        try:
            return real(*arguments)
        finally:
            with lock:
                inside -= 1

    monkeypatch.setattr(pixels, "to_array", watched)
    threads = [threading.Thread(target=read, args=(png(PIXELS),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "photo.jpg")
    assert "is not a regular file" in refusal(tmp_path / "photo.jpg")
    assert "cannot be read (Is a directory)" not in refusal(
        tmp_path.parent / tmp_path.name / "photo.jpg"
    )
