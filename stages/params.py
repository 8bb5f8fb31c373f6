"""The schema of params.yaml.

It only refuses: it has no default and changes no value, so it can not alter a result. That is why
the stages do not depend on this file (tests/test_params.py holds it to that), and why a new key
for one model does not run the others again.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from stages.errors import UserError

PATH = Path("params.yaml")
T = TypeVar("T")

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Id = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Activation = Literal["relu", "sigmoid", "tanh", "gelu", "elu", "selu", "leaky_relu", "silu"]
Schedule = Literal["constant", "cosine", "one_cycle"]
Precision = Literal["float32", "mixed_bfloat16", "auto"]


class Block(BaseModel):
    """A mapping of params.yaml: every key is needed, no other is allowed, types are exact."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Download(Block):
    """Where a dataset is, how its files are packed, and the hash of what is inside."""

    packing: Literal["gzip", "text", "plain", "reviews"]
    urls: Annotated[list[str], Field(min_length=1)]
    files: Annotated[dict[str, Sha256], Field(min_length=1)]


class Split(Block):
    """How many rows are held out, and the seed that chooses them."""

    validation_share: Share
    seed: Seed


class ImagesPreprocess(Split):
    classes: Annotated[list[str], Field(min_length=2)]
    limit: Count | None


class VotesPreprocess(Split):
    test_share: Share
    drop_incomplete: bool


class MassesPreprocess(Split):
    test_share: Share
    drop_incomplete: bool
    drop_bi_rads: bool


class ReviewsPreprocess(Split):
    limit: Count | None
    vocabulary_size: Annotated[int, Field(ge=3)]
    length: Count
    keep: Literal["start", "end"]


class Dataset(Block):
    """What all datasets have: a file or folder, and counts that must be found in it."""

    source: str
    facts: dict[str, int | float]


class Images(Dataset):
    module: Literal["images"]
    preprocess: ImagesPreprocess


class Votes(Dataset):
    module: Literal["congressional_votes"]
    preprocess: VotesPreprocess


class Masses(Dataset):
    module: Literal["mammographic_masses"]
    preprocess: MassesPreprocess


class Reviews(Dataset):
    module: Literal["imdb"]
    preprocess: ReviewsPreprocess


class TextPreprocess(Block):
    test_share: Share
    validation_share: Share
    limit: Count | None


class Text(Dataset):
    module: Literal["text"]
    preprocess: TextPreprocess


class PicturePreprocess(Split):
    test_share: Share
    largest_side: Annotated[int, Field(ge=8, le=256)]


class Picture(Dataset):
    module: Literal["picture"]
    preprocess: PicturePreprocess


class FolderPreprocess(Split):
    test_share: Share
    limit: Count | None
    crop: Annotated[list[Count], Field(min_length=2, max_length=2)] | None
    crop_factor: Annotated[float, Field(gt=0, le=1)]
    output_shape: Annotated[list[Count], Field(min_length=3, max_length=3)]

    @field_validator("output_shape")
    @classmethod
    def grey_or_colour(cls, value: list[int]) -> list[int]:
        """Refuse channels that are neither."""
        if value[2] not in {1, 3}:
            raise ValueError("channels must be 1 (grey) or 3 (colour)")
        return value


class Folder(Dataset):
    module: Literal["folder"]
    preprocess: FolderPreprocess


class Garments(Block):
    """Pictures that stages/garments.py makes."""

    pictures: Count
    side: Annotated[int, Field(ge=32)]
    quality: Annotated[int, Field(ge=1, le=95)]
    seed: Seed


class Synthetic(Block):
    """Points in the plane, drawn by stages/synthesise.py."""

    shape: Literal["circle", "xor", "spiral", "ring", "line"]
    points: Annotated[int, Field(ge=20)]
    noise: NonNegative
    seed: Seed


class Optimizer(Block):
    """An optimizer of Keras; `weight_decay` is decoupled from the gradient (Loshchilov 2019)."""

    name: Literal["sgd", "rmsprop", "adam"]
    learning_rate: Positive
    momentum: Rate
    weight_decay: NonNegative
    clip_norm: Positive | None


class EarlyStopping(Block):
    patience: Count


class Augmentation(Block):
    """What is done to training images: moved by up to `shift` pixels, mirrored half the time."""

    shift: Annotated[int, Field(ge=0, lt=14)]
    flip: bool


class Model(Block):
    """What all models have."""

    dataset: Id
    judge: Id
    seed: Seed


class Classifier(Model):
    """What all models have that tell classes apart."""

    task: Literal["classification"]


class Supervised(Classifier):
    """What all classifiers have that Keras trains."""

    epochs: Count
    batch_size: Count
    optimizer: Optimizer
    schedule: Schedule
    label_smoothing: Rate
    early_stopping: EarlyStopping | None
    precision: Precision


class Lowlevel(Classifier):
    network: Literal["lowlevel"]
    hidden_units: Count
    steps: Count
    batch_size: Count
    learning_rate: Positive
    schedule: Literal["constant", "one_cycle"]
    initial_gain: Positive


class Mlp(Supervised):
    network: Literal["mlp"]
    hidden_units: list[Count]
    activation: Activation
    dropout: Rate
    augmentation: Augmentation | None


class TableMlp(Supervised):
    network: Literal["table_mlp"]
    hidden_units: list[Count]
    activation: Activation
    dropout: Rate
    l2: NonNegative
    folds: Annotated[int, Field(ge=2)]
    repeats: Count


class Convolution(Block):
    filters: Count
    kernel: Count
    padding: Literal["same", "valid"]
    pool: bool
    normalise: bool


class Convolutional(Supervised):
    network: Literal["convolutional"]
    convolutions: Annotated[list[Convolution], Field(min_length=1)]
    conv_dropout: Rate
    dense_units: list[Count]
    activation: Activation
    dropout: Rate
    augmentation: Augmentation | None


class Recurrent(Supervised):
    network: Literal["recurrent"]
    cell: Literal["lstm", "gru", "rnn"]
    embedding_units: Count
    units: Count
    word_dropout: Rate
    embedding_dropout: Rate
    dropout: Rate


class PointsMlp(Model):
    network: Literal["points_mlp"]
    task: Literal["boundary"]
    steps: Count
    batch_size: Count
    learning_rate: Positive
    hidden_units: Annotated[list[Annotated[int, Field(ge=1, le=16)]], Field(max_length=6)]
    activation: Activation


class PointsGan(Model):
    network: Literal["points_gan"]
    task: Literal["point_generation"]
    steps: Count
    batch_size: Count
    learning_rate: Positive
    noise_units: Count
    hidden_units: Annotated[list[Count], Field(min_length=1)]
    activation: Activation
    gradient_penalty: NonNegative


class Painting(Model):
    network: Literal["painting"]
    task: Literal["painting"]
    steps: Count
    batch_size: Count
    learning_rate: Positive
    features: Count
    feature_scale: Positive
    hidden_units: Annotated[list[Count], Field(min_length=1)]


class Vae(Model):
    network: Literal["vae"]
    task: Literal["autoencoding"]
    epochs: Count
    batch_size: Count
    optimizer: Optimizer
    schedule: Schedule
    precision: Precision
    latent_units: Annotated[int, Field(ge=2)]
    kl_weight: NonNegative
    encoder_filters: Annotated[list[Count], Field(min_length=1)]
    encoder_units: list[Count]
    encoder_dropout: Rate
    decoder_units: Annotated[list[Count], Field(min_length=1)]
    decoder_filters: Annotated[list[Count], Field(min_length=2, max_length=2)]
    activation: Activation
    augmentation: Augmentation


class Gan(Model):
    network: Literal["gan"]
    task: Literal["generation"]
    epochs: Count
    batch_size: Count
    precision: Precision
    noise_units: Count
    generator_filters: Annotated[list[Count], Field(min_length=2, max_length=2)]
    discriminator_filters: Annotated[list[Count], Field(min_length=1)]
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    schedule: Schedule
    discriminator_steps: Count
    label_smoothing: Rate
    gradient_penalty: NonNegative
    ema_decay: Rate
    augmentation: Augmentation | None


class CharRnn(Model):
    network: Literal["charrnn"]
    task: Literal["language"]
    epochs: Count
    batch_size: Count
    sequence_length: Count
    optimizer: Optimizer
    schedule: Schedule
    precision: Precision
    cell: Literal["lstm", "gru", "rnn"]
    layers: Count
    units: Count
    embedding_units: Count
    embedding_dropout: Rate
    dropout: Rate
    sample_temperatures: Annotated[list[Positive], Field(min_length=1)]
    sample_characters: Count
    samples_every: Count


class Result(Block):
    """A row of the report: what the model is, its main metric, and the number to reach."""

    title: str
    metric: str
    better: Literal["higher", "lower"]
    as_taught: float | None
    target: float | None


class Report(Block):
    results: dict[Id, Result]


AnyDataset = Images | Votes | Masses | Reviews | Text | Picture | Folder
AnyModel = (
    Mlp
    | TableMlp
    | Convolutional
    | Recurrent
    | Lowlevel
    | Vae
    | Gan
    | CharRnn
    | PointsMlp
    | PointsGan
    | Painting
)


class Params(Block):
    """The whole file."""

    downloads: dict[Id, Download]
    synthetic: dict[Id, Synthetic]
    garments: Garments
    datasets: dict[Id, Annotated[AnyDataset, Field(discriminator="module")]]
    models: dict[Id, Annotated[AnyModel, Field(discriminator="network")]]
    report: Report


def load(path: Path = PATH) -> Params:
    """Read and check `path`.

    Raises:
        UserError: naming each key that is wrong, what was found there and what was expected.
    """
    return parse(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Read YAML 1.2 as DVC does: `1e-3` is a number, a key that stands twice an error."""
    try:
        return YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the project's top folder") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}: line {line}: not YAML: {error.problem}") from None


def parse(values: Any, source: str) -> Params:
    """Check `values` against the schema, and that what they name is there."""
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(describe(problem, values) for problem in error.errors())
        raise UserError(f"{source}: {problems}") from None
    for model, block in params.models.items():
        if block.dataset not in (datasets := {**params.datasets, **params.synthetic}):
            raise UserError(
                f"{source}: models.{model}.dataset: no dataset {block.dataset!r}, "
                f"expected one of {', '.join(datasets)}"
            )
        judge = params.models.get(block.judge)
        if block.judge != model and not (judge and judge.task == "classification"):
            raise UserError(
                f"{source}: models.{model}.judge: expected the model itself or a model whose "
                f"task is classification, found {block.judge!r}"
            )
    if set(params.models) != set(params.report.results):
        odd = sorted(set(params.models) ^ set(params.report.results))
        raise UserError(f"{source}: report.results and models differ in {', '.join(odd)}")
    return params


def describe(problem: Any, values: Any) -> str:
    """One problem that pydantic found, as `key: what was expected, found what`."""
    key, location = [], values
    for part in problem["loc"]:
        found = part in location if isinstance(location, dict) else isinstance(part, int)
        missing = problem["type"] == "missing" and part == problem["loc"][-1]
        if found or missing:  # else it is the name of a variant, which no user wrote
            key.append(str(part))
        location = location[part] if found else location
    message = problem["msg"][0].lower() + problem["msg"][1:]
    value = "" if isinstance(problem["input"], dict) else f", found {problem['input']!r}"
    return f"{'.'.join(key)}: {message}{value}"


def get(blocks: dict[str, T], key: str, noun: str) -> T:
    """The block `key`, or a UserError that lists the ids there are."""
    if key not in blocks:
        raise UserError(f"{PATH}: no {noun} {key!r}, expected one of {', '.join(blocks)}")
    return blocks[key]


if __name__ == "__main__":
    from stages.cli import run_guarded

    run_guarded(lambda: print(f"{PATH}: {len(load().models)} models, every key is right"))
