"""The limits of the parameters: the smallest and largest valid values, and invalid ones."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from stages.config import schema
from tests import factories

INTEGERS = {  # the least and the greatest
    "Count": (1, 100_000_000),
    "Units": (1, 65_536),
    "Seed": (0, 2**32 - 1),
    "BatchSize": (1, 65_536),
    "Epochs": (1, 100_000),
    "Steps": (1, 10_000_000),
    "ReviewsPreprocess.vocabulary_size": (3, 65_536),
    "ReviewsPreprocess.max_length": (1, 10_000),
    "SingleImagePreprocess.max_side": (8, 256),
    "GarmentPhotos.num_images": (1, 1_000_000),
    "GarmentPhotos.side": (32, 512),
    "GarmentPhotos.quality": (1, 95),
    "Synthetic.num_points": (60, 1_000_000),
    "ConvLayer.filters": (1, 4096),
    "ConvLayer.kernel_size": (1, 64),
    "Filters": (1, 1024),
    "ConvBlock.kernel_size": (1, 5),
    "ResidualBlock.strides": (1, 2),
    "CharRnn.layers": (1, 16),
    "Vae.latent_dim": (2, 4096),
    "Gan.latent_dim": (1, 4096),
    "Cvae.latent_dim": (1, 4096),
    "Autoencoder.latent_dim": (1, 4096),
    "FourierMlp.num_frequencies": (1, 4096),
    "Augmentation.shift": (0, 13),
    "Distortions.erase": (0, 28),
    "AdversarialTraining.discriminator_steps": (1, 100),
    "AdversarialTraining.r1_interval": (1, 1000),
    "CharRnnTraining.sequence_length": (1, 10_000),
    "CharRnnTraining.sample_length": (1, 10_000),
    "CrossValidation.folds": (2, 1000),
    "CrossValidation.repeats": (1, 1000),
}
TINY = 1e-9
FLOATS = {  # too small, just allowed at both ends, too large
    "Positive": (0, TINY, 1e6, 1e6 + TINY),
    "NonNegative": (-TINY, 0, 1e6, 1e6 + TINY),
    "Fraction": (0, TINY, 1 - TINY, 1),
    "Rate": (-TINY, 0, 1 - TINY, 1),
    "Number": (-float("inf"), -1e300, 1e300, float("inf")),
    "Noise.stddev": (0, TINY, 10, 10 + TINY),
    "Optimizer.weight_decay": (-TINY, 0, 10, 10 + TINY),
    "Distortions.rotation": (-TINY, 0, 180, 180 + TINY),
    "ImageFolderPreprocess.crop_fraction": (0, TINY, 1, 1 + TINY),
}
CONV_LAYER = {
    "filters": 3, "kernel_size": 3, "padding": "same", "max_pool": False, "batch_norm": False,
}  # fmt: skip
FILE = {"name": "a.gz", "sha256": "0" * 64}
LENGTHS: dict[
    str, tuple[Any, int, int | None]
] = {  # an element, and the least and the greatest number of them
    "Id": ("a", 1, 64),
    "Text": ("a", 1, 500),
    "FileName": ("a", 1, 200),
    "Label": ("a", 1, 40),
    "ReportRow.unit": ("a", 0, 40),
    "ReportRow.course_source": ("a", 0, 300),
    "Labels": (["a"], 2, 256),
    "Download.urls": (["a"], 1, None),
    "Download.files": ([FILE], 1, None),
    "ImageFolderPreprocess.center_crop": ([5], 2, 2),
    "ImageFolderPreprocess.image_shape": ([5], 3, 3),
    "Cnn.conv_layers": ([CONV_LAYER], 1, None),
    "BlockCnn.blocks": ([{"type": "residual", "filters": 3, "strides": 1}], 1, 64),
    "Vae.encoder_filters": ([5], 1, 8),
    "Vae.decoder_units": ([5], 1, None),
    "Vae.decoder_filters": ([5], 2, 2),
    "Cvae.encoder_filters": ([5], 1, 8),
    "Cvae.decoder_filters": ([5], 2, 2),
    "Autoencoder.encoder_filters": ([5], 1, 8),
    "Autoencoder.decoder_filters": ([5], 1, 8),
    "DcganGenerator.filters": ([5], 2, 2),
    "DcganDiscriminator.filters": ([5], 1, 8),
    "MlpNetwork.hidden_units": ([5], 1, None),
    "ToyMlp.hidden_units": ([16], 0, 6),
    "FourierMlp.hidden_units": ([5], 1, None),
    "CharRnnTraining.sample_temperatures": ([0.5], 1, 10),
}


def is_accepted(name: str, value: Any) -> bool:
    """Return whether a type of the schema, or a key of a section, accepts a value."""
    section, _, key = name.partition(".")
    annotation = getattr(schema, section)
    if key:
        field = annotation.model_fields[key]
        annotation = Annotated[field.annotation, field]
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", INTEGERS)
def test_an_integer_has_limits(name: str) -> None:
    least, greatest = INTEGERS[name]
    tried = (least - 1, least, greatest, greatest + 1)
    assert [is_accepted(name, value) for value in tried] == [False, True, True, False]


@pytest.mark.parametrize("name", FLOATS)
def test_a_number_has_limits(name: str) -> None:
    assert [is_accepted(name, value) for value in FLOATS[name]] == [False, True, True, False]


@pytest.mark.parametrize("name", LENGTHS)
def test_a_list_or_text_has_a_limited_length(name: str) -> None:
    element, least, greatest = LENGTHS[name]
    assert is_accepted(name, element * least)
    assert least == 0 or not is_accepted(name, element * (least - 1))
    if greatest is not None:
        assert is_accepted(name, element * greatest)
        assert not is_accepted(name, element * (greatest + 1))


def test_a_unit_of_a_toy_can_be_drawn() -> None:
    accepted = [is_accepted("ToyMlp.hidden_units", [units]) for units in (0, 1, 16, 17)]
    assert accepted == [False, True, True, False]


def test_a_config_cannot_be_changed() -> None:
    config = factories.make_config("mlp")
    with pytest.raises(ValidationError, match="frozen"):
        config.network.dropout = 0.5
