"""Digits and garments are found in photographs, and brought into the form of the training data."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from stages.inference import digits, garments, paper
from stages.inference.digits import Found, find_digits
from stages.inference.garments import find_garment
from tests.handwriting import (
    DIFFICULTIES,
    Style,
    draw_digit,
    generate,
    photograph,
    photograph_ink,
)

MODEL = Path("models/mnist_cnn/model.keras")
ROW = Style(side=300, fill=0.4, lines="ruled", shadow=0.5, paper=(240, 235, 220), noise=4)


def found_in(ink: np.ndarray, style: Style) -> list[Found]:
    """Read a photograph of ink, always with the same variation."""
    return find_digits(photograph_ink([ink], style, np.random.default_rng(3)).convert("RGB"))


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two images, blurred so that a shift by a pixel is allowed."""
    blurred = [ndimage.gaussian_filter(each.astype(float), 1).ravel() for each in (one, other)]
    return float(np.corrcoef(blurred)[0, 1])


@pytest.mark.parametrize("name", DIFFICULTIES)
@pytest.mark.parametrize("digit", [2, 4, 8])
def test_a_difficult_photograph_is_read_like_a_clean_one(name: str, digit: int) -> None:
    style = DIFFICULTIES[name]._replace(rotation=0)
    random = np.random.default_rng(digit)
    height = round(min(style.fill, 0.82) * style.side)
    ink = draw_digit(digit, height, max(style.pen, 0.12), random)
    if style.side < 100:  # drawn large, as the clean one, then photographed
        ink = draw_digit(digit, 120, 0.12, np.random.default_rng(digit))
        size = (max(1, round(ink.shape[1] * height / len(ink))), height)
        ink = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BOX))
    clean = digits.normalize(np.pad(ink, 8), np.pad(ink, 8) > 0.5)
    (found,) = found_in(ink, style)
    assert similarity(found.image, clean) > 0.8


@pytest.mark.parametrize("name", ["clean", "thin pen", "thick pen", "shadow", "2000 pixels"])
def test_a_digit_is_in_the_form_of_mnist(name: str) -> None:
    for shot in generate(DIFFICULTIES[name], 4)[0]:
        (found,) = find_digits(shot.convert("RGB"))
        image = found.image
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in {19, 20}
        assert np.abs(np.array(ndimage.center_of_mass(image)) - 14).max() <= 0.51
        assert image.max() > 240
        assert (image == 0).mean() > 0.5
        width = digits.stroke_width(np.kron(image, np.ones((8, 8))) > 128) / 8
        assert 1.5 < width < 5


def test_an_image_of_mnist_passes_through_unchanged_and_so_does_its_negative() -> None:
    (found,) = find_digits(generate(DIFFICULTIES["clean"], 1)[0][0].convert("RGB"))
    for image in (found.image, 255 - found.image):
        (again,) = find_digits(Image.fromarray(image).convert("RGB"))
        assert np.array_equal(again.image, found.image)
        assert again.box == (0, 0, 28, 28)


def test_a_small_digit_in_28_pixels_is_not_in_the_form_of_mnist() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[3:12, 4:7] = 255
    assert digits.as_mnist(Image.fromarray(image)) is None
    (found,) = find_digits(Image.fromarray(image).convert("RGB"))
    assert np.ptp(np.flatnonzero(found.image.any(1))) + 1 >= 19


def test_digits_are_found_in_reading_order_with_their_boxes() -> None:
    random = np.random.default_rng(0)
    rows = [photograph(each, ROW, random).convert("RGB") for each in ([1, 4, 0], [7, 2])]
    page = Image.new("RGB", (max(row.width for row in rows), 600), "white")
    for index, row in enumerate(rows):
        page.paste(row, (0, 300 * index))
    boxes = [find_digits(row) for row in rows]
    assert [len(each) for each in boxes] == [3, 2]
    for found in boxes:
        lefts = [each.box[0] for each in found]
        assert lefts == sorted(lefts)
    plain = Image.new("RGB", (400, 500), "white")
    pencil = ImageDraw.Draw(plain)
    places = [(40, 40), (240, 60), (50, 290), (250, 270)]  # of four upright strokes
    for left, top in places:
        pencil.rectangle((left, top, left + 20, top + 150), "black")
    found = find_digits(plain)
    for (left, top), each in zip(places, found, strict=True):
        assert np.abs(np.subtract(each.box, (left, top, left + 21, top + 151))).max() <= 3


def test_pieces_of_one_digit_belong_together() -> None:
    page = Image.new("RGB", (200, 200), "white")
    pencil = ImageDraw.Draw(page)
    pencil.rectangle((60, 70, 75, 160), "black")
    pencil.rectangle((85, 50, 140, 60), "black")  # the bar of a 5
    pencil.rectangle((190, 190, 192, 192), "black")  # a speck
    (found,) = find_digits(page)
    assert np.abs(np.subtract(found.box, (60, 50, 141, 161))).max() <= 3


def test_plain_paper_has_no_digit() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(200, 5, (120, 120, 3)).clip(0, 255).astype(np.uint8)
    assert find_digits(Image.fromarray(noise)) == []
    assert find_digits(Image.new("RGB", (50, 50), (90, 20, 200))) == []
    assert find_digits(Image.new("RGB", (1, 1))) == []


def test_printed_lines_are_removed_and_strokes_that_cross_them_stay() -> None:
    ink = np.zeros((200, 300), np.float32)
    ink[20::40] = 0.8
    ink[50:150, 140:150] = 1
    cleaned = paper.remove_lines(ink, 0.01)
    assert cleaned[:, :130].max() < 0.1
    assert cleaned[50:150, 140:150].min() > 0.7


def test_light_that_changes_slowly_is_not_ink() -> None:
    rows = np.linspace(1, 0.3, 150)[:, None, None]
    image = (np.full((150, 150, 3), 230) * rows).astype(np.uint8)
    image[60:90, 70:80] = image[60:90, 70:80] // 5
    ink = paper.separate_ink(image)
    assert ink is not None
    assert ink[62:88, 72:78].min() > 0.8
    ink[55:95, 65:85] = 0
    assert np.abs(ink).max() < 0.3


def test_a_threshold_separates_two_groups() -> None:
    values = np.concatenate([np.linspace(0, 1, 50), np.linspace(5, 6, 20)])
    assert 1 <= paper.otsu(values) <= 5


@pytest.mark.skipif(not MODEL.exists(), reason="mnist_cnn is not trained")
def test_a_trained_network_reads_difficult_photographs() -> None:
    from stages.inference.bundle import load_model

    model, right = load_model(MODEL), []
    for style in DIFFICULTIES.values():
        shots, labels = generate(style, 5, seed=1)
        found = [find_digits(shot.convert("RGB")) for shot in shots]
        images = np.stack([each[0].image for each in found])
        right.append(model.predict(images, verbose=0).argmax(1) == labels)
    assert np.mean(right) >= 0.97


def shirt(wall: tuple[int, int, int], cloth: tuple[int, int, int]) -> Image.Image:
    page = Image.new("RGB", (300, 200), wall)
    pencil = ImageDraw.Draw(page)
    pencil.rectangle((120, 40, 180, 180), cloth)
    pencil.rectangle((90, 40, 210, 70), cloth)
    return page


@pytest.mark.parametrize(
    ("wall", "cloth"),
    [((255, 255, 255), (40, 60, 90)), ((200, 190, 170), (90, 20, 20)), ((10, 10, 10), (180,) * 3)],
)
def test_a_garment_is_light_on_black_28_pixels_long_and_in_the_middle(
    wall: tuple[int, int, int], cloth: tuple[int, int, int]
) -> None:
    (found,) = find_garment(shirt(wall, cloth))
    assert np.abs(np.subtract(found.box, (90, 40, 211, 181))).max() <= 6
    drawn = found.image > 60
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    assert np.ptp(rows) + 1 >= 26
    assert abs((columns[0] + columns[-1]) / 2 - 13.5) <= 1
    assert found.image[14, 14] > 100
    assert found.image[20:, :6].max() == 0


def test_an_image_of_fashion_mnist_passes_through_unchanged() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[:, 8:20] = np.arange(28)[:, None] * 9
    (found,) = find_garment(Image.fromarray(image).convert("RGB"))
    assert np.array_equal(found.image, image)
    assert garments.as_fashion_mnist(Image.fromarray(255 - image)) is None


def test_a_plain_wall_has_no_garment() -> None:
    assert find_garment(Image.new("RGB", (60, 40), (200, 180, 170))) == []
