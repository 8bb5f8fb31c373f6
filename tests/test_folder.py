import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from benchmarks import folder_memory
from stages import garments, params, pictures, preprocess
from stages.data import PARTS, Prepared, load_part, pictures_of
from stages.datasets import folder
from stages.errors import DivergedError, UserError
from stages.evaluation import Evaluation, Inputs
from stages.networks import gan
from stages.pictures import Cut, UnusableError, central_box, cut_out, load
from stages.tasks.generation.evaluate import evaluate
from stages.training import Trained, set_determinism, streamed
from tests.small import GAN, RATE

LEFT, RIGHT = (200, 30, 90), (20, 160, 240)
SQUARE = Cut(None, 1.0, (32, 32, 3))
CHOICES: dict[str, Any] = {
    "validation_share": 0.1, "test_share": 0.25, "seed": 1, "limit": None,
    "crop": None, "crop_factor": 1.0, "output_shape": [32, 32, 3],
}  # fmt: skip


def block(facts: dict[str, float] | None = None, **choices: Any) -> params.Folder:
    chosen = params.FolderPreprocess(**(CHOICES | choices))
    return params.Folder(source="unused", facts=facts or {}, module="folder", preprocess=chosen)


def halves(side: int = 64, left: Any = LEFT, right: Any = RIGHT) -> Image.Image:
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[:, : side // 2], pixels[:, side // 2 :] = left, right
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def fill(path: Path, number: int = 70) -> Path:
    """A folder of pictures of one colour each, all different."""
    path.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        colour = (index % 256, index // 256, 100)
        Image.new("RGB", (40, 40), colour).save(path / f"{index:04}.png")
    return path


def luma(colour: tuple[int, int, int]) -> int:
    return round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])  # ITU-R 601


def grey(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    return (luma(colour),) * 3


def with_alpha(alpha: int) -> Image.Image:
    image = halves().convert("RGBA")
    image.paste((*LEFT, alpha), (0, 0, 32, 64))
    return image


def sixteen_bits() -> Image.Image:
    pixels = np.full((64, 64), 0x1234, np.uint16)
    pixels[:, 32:] = 0xFEDC
    return Image.fromarray(pixels)


def rotated() -> bytes:
    """A picture held upright whose pixels are stored lying, as orientation 6 says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(halves().rotate(90), "PNG", exif=exif)


def palette(**options: Any) -> bytes:
    return saved(halves().quantize(2, dither=Image.Dither.NONE), "PNG", **options)


def transparent_palette() -> bytes:
    image = halves().quantize(2, dither=Image.Dither.NONE)
    return saved(image, "PNG", transparency=image.getpixel((0, 0)))


JPEG = {"quality": 95, "subsampling": 0}
KINDS: dict[str, tuple[Callable[[], bytes], Any, Any]] = {
    "RGB JPEG": (lambda: saved(halves(), "JPEG", **JPEG), LEFT, RIGHT),
    "progressive JPEG": (lambda: saved(halves(), "JPEG", progressive=True, **JPEG), LEFT, RIGHT),
    "grey JPEG": (lambda: saved(halves().convert("L"), "JPEG", **JPEG), grey(LEFT), grey(RIGHT)),
    "CMYK JPEG": (lambda: saved(halves().convert("CMYK"), "JPEG", **JPEG), LEFT, RIGHT),
    "two-picture JPEG (MPO)": (
        lambda: saved(halves(), "MPO", save_all=True, append_images=[halves(64, RIGHT, LEFT)]),
        LEFT, RIGHT),
    "RGB PNG": (lambda: saved(halves(), "PNG"), LEFT, RIGHT),
    "grey PNG": (lambda: saved(halves().convert("L"), "PNG"), grey(LEFT), grey(RIGHT)),
    "palette PNG": (palette, LEFT, RIGHT),
    "palette PNG, one colour transparent": (transparent_palette, (255, 255, 255), RIGHT),
    "RGBA PNG, opaque": (lambda: saved(with_alpha(255), "PNG"), LEFT, RIGHT),
    "RGBA PNG, half transparent": (lambda: saved(with_alpha(128), "PNG"), (227, 142, 172), RIGHT),
    "RGBA PNG, transparent": (lambda: saved(with_alpha(0), "PNG"), (255, 255, 255), RIGHT),
    "grey and alpha PNG": (
        lambda: saved(with_alpha(0).convert("LA"), "PNG"), (255, 255, 255), grey(RIGHT)),
    "1-bit PNG": (
        lambda: saved(halves(64, (0, 0, 0), (255, 255, 255)).convert("1"), "PNG"),
        (0, 0, 0), (255, 255, 255)),
    "16-bit PNG": (lambda: saved(sixteen_bits(), "PNG"), (0x12,) * 3, (0xFE,) * 3),
    "16-bit TIFF": (lambda: saved(sixteen_bits(), "TIFF"), (0x12,) * 3, (0xFE,) * 3),
    "CMYK TIFF": (lambda: saved(halves().convert("CMYK"), "TIFF"), LEFT, RIGHT),
    "BMP": (lambda: saved(halves(), "BMP"), LEFT, RIGHT),
    "WebP": (lambda: saved(halves(), "WEBP", lossless=True), LEFT, RIGHT),
    "animated GIF": (
        lambda: saved(halves(), "GIF", save_all=True, append_images=[halves(64, RIGHT, LEFT)]),
        LEFT, RIGHT),
    "EXIF-rotated PNG": (rotated, LEFT, RIGHT),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_accepted_gives_the_right_pixels(kind: str) -> None:
    make, left, right = KINDS[kind]
    tolerance = 4 if "JPEG" in kind else 1
    pixels = cut_out(load(make()), SQUARE).astype(int)
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels[:, :14] - left).max() <= tolerance
    assert np.abs(pixels[:, 18:] - right).max() <= tolerance


def test_one_channel_is_grey() -> None:
    pixels = cut_out(load(saved(halves(), "PNG")), Cut(None, 1.0, (32, 32, 1)))
    assert pixels.shape == (32, 32, 1)
    assert pixels[0, 0, 0] == luma(LEFT)
    assert pixels[0, -1, 0] == luma(RIGHT)


def test_what_is_of_the_right_size_already_is_not_changed() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 71, 3), np.uint8)
    image = load(saved(Image.fromarray(noise), "PNG"))
    kept = cut_out(image, Cut((32, 32), 1.0, (32, 32, 3)))
    assert (kept == noise[9:41, 19:51]).all()


def test_resizing_averages_instead_of_leaving_pixels_out() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = cut_out(load(saved(Image.fromarray(stripes), "PNG")), SQUARE)
    assert np.abs(pixels.astype(int) - 127).max() <= 12


sides = st.integers(1, 400)


@given(sides, sides, sides, sides, st.floats(0.01, 1.0), st.none() | st.tuples(sides, sides))
def test_a_crop_is_inside_central_large_enough_and_in_proportion(
    height: int, width: int, to_height: int, to_width: int, factor: float, crop: Any
) -> None:
    cut = Cut(crop, factor, (to_height, to_width, 3))
    kept = crop or (height, width)
    scale = min(kept[0] / to_height, kept[1] / to_width) * factor
    try:
        left, top, right, bottom = central_box(height, width, cut)
    except UnusableError:
        too_large = kept[0] > height or kept[1] > width
        assert too_large or min(scale * to_height - to_height, scale * to_width - to_width) < 0
        return
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert bottom - top <= kept[0]
    assert right - left <= kept[1]
    assert abs(left - (width - right)) <= 1
    assert abs(top - (height - bottom)) <= 1
    assert bottom - top >= to_height
    assert right - left >= to_width
    assert abs((bottom - top) - scale * to_height) <= 0.5
    assert abs((right - left) - scale * to_width) <= 0.5


@given(sides, st.floats(0.05, 1.0))
def test_the_crop_factor_is_the_share_of_the_shorter_side(side: int, factor: float) -> None:
    assume(round(side * factor) >= 8)
    left, _, right, _ = central_box(side, 2 * side, Cut(None, factor, (8, 8, 3)))
    assert right - left == round(8 * (side / 8 * factor))


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
BAD = {
    "notes.txt": (b"a text", "not in a format that is read"),
    "empty.png": (b"", "not in a format that is read"),
    "cut.jpg": (saved(NOISE, "JPEG")[:1500], "damaged: image file is truncated"),
    "cut.png": (saved(NOISE, "PNG")[:1500], "damaged: image file is truncated"),
    "cut.gif": (saved(NOISE, "GIF")[:1500], "damaged: image file is truncated"),
    "flipped.png": (saved(NOISE, "PNG").replace(b"IDAT\x78", b"IDAT\x00", 1), "damaged: "),
    "tiny.png": (saved(Image.new("RGB", (1, 1)), "PNG"),
                 "too small: of 1x1 pixels the crop leaves 1x1, output_shape needs 32x32"),
    "narrow.png": (saved(Image.new("RGB", (500, 31)), "PNG"), "too small: of 31x500 pixels"),
    "float.tiff": (saved(Image.fromarray(np.ones((64, 64), np.float32)), "TIFF"),
                   "pixels of mode F"),
    "postscript.eps": (saved(halves(), "EPS"), "not in a format that is read"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    content, expected = BAD[name]
    (fill(tmp_path) / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        folder.prepare(tmp_path, block())
    assert str(error.value).startswith(f"{tmp_path / name}: {expected}")
    assert str(error.value).endswith("; remove or replace what is no usable picture")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("length", range(0, 2000, 97))
def test_a_picture_cut_off_anywhere_is_refused(length: int) -> None:
    content = saved(NOISE, "JPEG")
    assert length < len(content)
    with pytest.raises(UnusableError):
        load(content[:length])


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_damage_gives_a_picture_or_one_line(kind: str, data: st.DataObject) -> None:
    content = bytearray(KINDS[kind][0]())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    picture = folder.examine_content(bytes(content), SQUARE)
    assert "\n" not in picture.problem
    assert picture.problem or len(picture.sha256) == 32


def test_a_mixed_folder_names_the_first_and_counts_the_others(tmp_path: Path) -> None:
    fill(tmp_path)
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "cmyk.jpg").write_bytes(KINDS["CMYK JPEG"][0]())
    (tmp_path / "grey.jpg").write_bytes(KINDS["grey JPEG"][0]())
    with pytest.raises(UserError) as error:
        folder.prepare(tmp_path, block())
    assert str(error.value).startswith(f"{tmp_path / 'cut.gif'}: ")
    assert f"(and {len(BAD) - 1} more of {70 + len(BAD) + 2} files)" in str(error.value)


def test_all_usable_kinds_in_one_folder_are_counted(tmp_path: Path) -> None:
    for index, (make, _, _) in enumerate(KINDS.values()):
        for copy in range(4):
            path = tmp_path / f"deeper/{copy}/{index}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make())
    prepared = folder.prepare(tmp_path, block())
    assert sum(prepared.report["formats"].values()) == 4 * len(KINDS)
    assert prepared.report["formats"]["GIF"] == 4
    assert prepared.report["modes"]["CMYK"] == 8
    assert prepared.report["height"]["max"] == 64
    assert set(prepared.figures) == {"samples", "sizes"}
    train = prepared.parts["train"]
    assert pictures_of(prepared.description, train).shape == (len(train.y), 32, 32, 3)


def test_hidden_files_and_litter_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "deeper/desktop.ini", ".git/config", "deeper/._a.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"litter")
    assert len(folder.find_files(tmp_path)) == 70


def test_an_empty_a_missing_and_no_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/.DS_Store").touch()
    for name, expected in (
        ("a file", "not a folder; `source` must name a folder of pictures"),
        ("missing", "no such folder; `source` must name a folder of pictures"),
        ("empty", "no pictures in it, expected at least 64"),
    ):
        with pytest.raises(UserError) as error:
            folder.prepare(tmp_path / name, block())
        assert str(error.value) == f"{tmp_path / name}: {expected}"


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, 63)
    with pytest.raises(UserError, match="expected at least 64 pictures, found 63"):
        folder.prepare(tmp_path, block())
    fill(tmp_path, 64)
    folder.prepare(tmp_path, block())
    with pytest.raises(UserError, match="expected at least 64 pictures, found 20"):
        folder.prepare(tmp_path, block(limit=20))


def test_a_crop_larger_than_a_picture_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(UserError, match=r"0000.png: 40x40 pixels, crop needs 41x40 \(and 69 more"):
        folder.prepare(tmp_path, block(crop=[41, 40]))


def test_an_unexpected_number_of_pictures_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    folder.prepare(tmp_path, block({"pictures": 70}))
    with pytest.raises(UserError, match=r"facts.pictures: expected 71, found 70"):
        folder.prepare(tmp_path, block({"pictures": 71}))


@pytest.mark.parametrize(
    "wrong",
    [{"crop": [3]}, {"crop_factor": 0.0}, {"crop_factor": 1.1}, {"output_shape": [32, 32]},
     {"output_shape": [32, 32, 2]}, {"output_shape": [0, 32, 3]}, {"limit": 0}],
)  # fmt: skip
def test_impossible_choices_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        block(**wrong)


def test_the_parts_hold_each_picture_once(tmp_path: Path) -> None:
    fill(tmp_path, 80)
    prepared = folder.prepare(tmp_path, block())
    names = [name for part in PARTS for name in prepared.parts[part].x.tolist()]
    assert sorted(names) == folder.find_files(tmp_path)
    assert [len(prepared.parts[part].y) for part in PARTS] == [54, 6, 20]
    again = folder.prepare(tmp_path, block())
    other = folder.prepare(tmp_path, block(seed=2))
    assert (again.parts["test"].x == prepared.parts["test"].x).all()
    assert (other.parts["test"].x != prepared.parts["test"].x).any()


def test_a_limit_takes_pictures_from_the_whole_folder(tmp_path: Path) -> None:
    fill(tmp_path, 300)
    prepared = folder.prepare(tmp_path, block(limit=100))
    names = sorted(name for part in prepared.parts.values() for name in part.x.tolist())
    assert len(set(names)) == 100
    assert names[-1] > "0200.png"


def test_a_changed_or_renamed_picture_changes_the_description(tmp_path: Path) -> None:
    fill(tmp_path)
    first = folder.prepare(tmp_path, block()).description
    assert folder.prepare(tmp_path, block()).description == first
    Image.new("RGB", (40, 40), "red").save(tmp_path / "0009.png")
    changed = folder.prepare(tmp_path, block()).description
    assert changed["sha256"] != first["sha256"]
    (tmp_path / "0010.png").rename(tmp_path / "0010b.png")
    assert folder.prepare(tmp_path, block()).description["sha256"] != changed["sha256"]


def test_what_preprocess_writes_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "own")
    prepared = folder.prepare(Path("own"), block())
    preprocess.save("garments", prepared)
    assert (load_part("garments", "test").x == prepared.parts["test"].x).all()
    assert prepared.description["source"] == "own"
    assert (tmp_path / "reports/data/garments/samples.png").is_file()


def two_epochs(path: Path, augmentation: params.Augmentation | None = None) -> list[np.ndarray]:
    set_determinism(3)
    described = {"source": str(path), "cut": SQUARE._asdict()}
    made = streamed(described, np.array(folder.find_files(path)), 16, augmentation)
    return [np.concatenate(list(made.as_numpy_iterator())) for _ in range(2)]


def test_a_stream_shows_each_picture_once_in_another_order_each_epoch(tmp_path: Path) -> None:
    fill(tmp_path)
    first, second = two_epochs(tmp_path)
    assert sorted(first[:, 0, 0, 0]) == sorted(second[:, 0, 0, 0]) == list(range(70))
    assert (first != second).any()
    assert (first[:, 0, 0, 0] != np.arange(70)).any()
    again = two_epochs(tmp_path)
    assert (first == again[0]).all()
    assert (second == again[1]).all()


def test_a_stream_mirrors_other_pictures_each_epoch(tmp_path: Path) -> None:
    for index in range(200):
        halves(64, (255, index, 0), (0, index, 0)).save(tmp_path / f"{index:03}.png")

    def turned(epoch: np.ndarray) -> np.ndarray:
        """Whether the red half is on the right, picture by picture."""
        epoch = epoch[epoch[:, 0, 0, 1].argsort()]
        assert (epoch[:, 0, 0, 1] == np.arange(200)).all()
        assert (epoch[:, 0, 0, 0] != epoch[:, 0, -1, 0]).all()
        right: np.ndarray = epoch[:, 0, 0, 0] == 0
        return right

    first, second = map(turned, two_epochs(tmp_path, FLIP))
    assert 60 < first.sum() < 140
    assert 60 < (first != second).sum() < 140
    assert (first == turned(two_epochs(tmp_path, FLIP)[0])).all()
    assert not turned(two_epochs(tmp_path)[0]).any()


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    described = {"source": str(tmp_path), "cut": SQUARE._asdict()}
    names = np.array(["0001.png", "gone.png"])
    with pytest.raises(UserError, match=r"gone\.png: no such file any more; run preprocess again"):
        streamed(described, names, 16, None)


def test_memory_stays_flat_when_the_folder_grows_tenfold() -> None:
    small, large = (folder_memory.measure("stream", pictures) for pictures in (200, 2000))
    array = folder_memory.measure("array", 2000)
    assert large - small < 30  # MB; as arrays, the 1,800 pictures more would take 88
    assert array - large > 50


GARMENTS = params.Garments(pictures=12, side=48, quality=92, seed=1)
CLOTHES = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)


def test_garments_are_pictures_that_a_seed_decides(tmp_path: Path) -> None:
    def made(name: str, chosen: params.Garments) -> dict[str, bytes]:
        garments.write(CLOTHES, chosen, tmp_path / name)
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    first = made("first", GARMENTS)
    assert len(first) == 12
    assert first == made("again", GARMENTS)
    assert first != made("other", GARMENTS.model_copy(update={"seed": 2}))
    assert all(load(content).size == (48, 48) for content in first.values())


def test_a_garment_lies_in_one_colour_on_a_pale_background() -> None:
    garment = np.zeros((28, 28), np.uint8)
    garment[4:24, 4:24] = 255
    picture = garments.paint(garment, 48, np.random.default_rng(0))
    assert picture.shape == (48, 48, 3)
    middle, corner = picture[20:28, 20:28].reshape(-1, 3), picture[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.ptp(middle.astype(int), axis=0).max() <= 2
    assert corner.min() > 130
    assert np.ptp(middle[0].astype(int)) > np.ptp(corner.astype(int), axis=1).max()


def test_garments_are_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    garments.write(CLOTHES, GARMENTS, tmp_path / "garments")
    before = sorted(path.name for path in (tmp_path / "garments").iterdir())
    calls = iter(range(5))

    def fail_later(*arguments: Any) -> np.ndarray:
        if next(calls) == 4:
            raise OSError("disk full")
        return paint(*arguments)

    paint = garments.paint
    monkeypatch.setattr(garments, "paint", fail_later)
    with pytest.raises(OSError, match="disk full"):
        garments.write(CLOTHES, GARMENTS, tmp_path / "garments")
    assert sorted(path.name for path in (tmp_path / "garments").iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["garments"]


def test_a_picture_that_changes_under_the_stream_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    (tmp_path / "0001.png").write_bytes(b"no picture")
    with pytest.raises(UnusableError, match=r"0001.png: not in a format that is read"):
        pictures.read_picture(tmp_path / "0001.png", SQUARE)


FLIP = params.Augmentation(shift=0, flip=True)
NETWORK = GAN.model_copy(
    update={
        "judge": "garments_gan", "dataset": "garments", "batch_size": 32, "schedule": "constant",
        "augmentation": FLIP,
    }
)  # fmt: skip


def trained_on(prepared: Prepared, **choices: Any) -> Trained:
    keras.utils.clear_session()
    set_determinism(1)
    parts = prepared.parts
    block = NETWORK.model_copy(update=choices)
    return gan.train(block, prepared.description, parts["train"], parts["validation"])


def judged(prepared: Prepared, trained: Trained) -> Evaluation:
    inputs = Inputs(
        description=prepared.description,
        parts=prepared.parts,
        folder=Path("unused"),
        model=trained.model,
        retrain=lambda _: trained.model,
        judge=trained.model,
        history=trained.history,
        progress=dict(trained.progress),
    )
    return evaluate(inputs, NETWORK)


def test_a_gan_on_a_folder_is_decided_by_its_seed(tmp_path: Path) -> None:
    prepared = folder.prepare(fill(tmp_path, 90), block(output_shape=[16, 12, 3]))
    # as data/processed/garments/description.json gives it back
    prepared.description = json.loads(json.dumps(prepared.description))
    first, second = trained_on(prepared), trained_on(prepared)
    assert first.progress["samples"].shape == (3, 81, 16, 12, 3)
    assert (first.progress["samples"] == second.progress["samples"]).all()
    for ours, theirs in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        assert (ours == theirs).all()
    evaluation = judged(prepared, first)
    assert 0 <= evaluation.metrics["discriminator"]["accuracy"] <= 1
    json.dumps([evaluation.data, evaluation.metrics], allow_nan=False)


def test_a_gan_comes_nearer_to_the_pictures_of_a_folder(tmp_path: Path) -> None:
    for index in range(90):
        Image.new("RGB", (20, 20), (220, 220, 200 + index % 8)).save(tmp_path / f"{index}.png")
    prepared = folder.prepare(tmp_path, block(output_shape=[8, 8, 1]))
    made = trained_on(prepared, epochs=60, label_smoothing=0.0, gradient_penalty=0.1)
    brightness = made.progress["samples"].astype(float).mean(axis=(1, 2, 3))
    assert made.progress["samples"].shape == (31, 81, 8, 8)
    assert brightness[0] < 150
    assert brightness[-1] > 190
    distance = judged(prepared, made).metrics["sliced_wasserstein"]
    assert distance < judged(prepared, trained_on(prepared)).metrics["sliced_wasserstein"] / 2


def test_sides_that_can_not_be_doubled_twice_are_refused(tmp_path: Path) -> None:
    prepared = folder.prepare(fill(tmp_path), block(output_shape=[32, 30, 3]))
    with pytest.raises(UserError, match=r"datasets.garments: .* found 32x30"):
        trained_on(prepared)


def test_a_gan_that_is_lost_stops_with_its_last_good_weights(tmp_path: Path) -> None:
    prepared = folder.prepare(fill(tmp_path), block(output_shape=[8, 8, 3]))
    rate = RATE.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(DivergedError, match="in epoch") as error:
        trained_on(prepared, generator_optimizer=rate, discriminator_optimizer=rate)
    assert all(np.isfinite(values).all() for values in error.value.model.get_weights())
