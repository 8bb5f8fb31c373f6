"""Schema of params.yaml: one class per section, one attribute per key.

It only validates. Every default turns an option off (None, 0, False), and no value is changed, so
it cannot alter a result; tests/unit/test_config.py checks this. Therefore no stage depends on it,
and a new option for one model does not retrain the others.
"""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

Count = Annotated[int, Field(ge=1, le=100_000_000)]
Units = Annotated[int, Field(ge=1, le=65_536)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
NonNegative = Annotated[float, Field(ge=0, le=1e6)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Activation = Literal["relu", "sigmoid", "tanh", "elu", "selu", "leaky_relu", "silu", "linear"]
Schedule = Literal["constant", "cosine", "one_cycle"]
Precision = Literal["float32", "mixed_bfloat16", "auto"]
Cell = Literal["lstm", "gru", "simple_rnn"]


def plain_name(value: str) -> str:
    """Check that a file name has no folders."""
    if value != PurePosixPath(value).name or value in {"", ".", ".."} or not value.isprintable():
        raise ValueError("must be a file name without folders")
    return value


def plain_label(value: str) -> str:
    """Check that a class name can be shown in a chart: printable, without math markup."""
    if not value.isprintable() or "$" in value or not value.strip() or len(value) > 40:
        raise ValueError("must be 1 to 40 printable characters without $")
    return value


FileName = Annotated[str, Field(max_length=200), AfterValidator(plain_name)]
Label = Annotated[str, AfterValidator(plain_label)]
Labels = Annotated[list[Label], Field(min_length=2, max_length=256)]


class Section(BaseModel):
    """A mapping of params.yaml: no unknown key, exact types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# Downloads and datasets


class DownloadFile(Section):
    """A file and the hash of its content."""

    name: FileName
    sha256: Sha256


class Download(Section):
    """URLs, files and format of a dataset."""

    format: Literal["gzip", "text", "binary", "imdb_reviews"]
    urls: Annotated[list[Text], Field(min_length=1)]
    files: Annotated[list[DownloadFile], Field(min_length=1)]


class Preprocess(Section):
    """Validation split, taken from the examples that are not in a given test set."""

    validation_fraction: Fraction
    seed: Seed


class IdxPreprocess(Preprocess):
    """MNIST and Fashion-MNIST."""

    classes: Labels
    max_examples: Count | None


class VotesPreprocess(Preprocess):
    """Congressional votes."""

    test_fraction: Fraction
    drop_incomplete: bool


class MassesPreprocess(Preprocess):
    """Mammographic masses."""

    test_fraction: Fraction
    drop_incomplete: bool
    drop_bi_rads: bool


class ReviewsPreprocess(Preprocess):
    """IMDB reviews."""

    max_examples: Count | None
    vocabulary_size: Annotated[int, Field(ge=3, le=65_536)]
    max_length: Annotated[int, Field(ge=1, le=10_000)]
    keep: Literal["start", "end"]


class TextPreprocess(Section):
    """A text file, split in the order of the text."""

    test_fraction: Fraction
    validation_fraction: Fraction
    max_characters: Count | None


class SingleImagePreprocess(Preprocess):
    """One image, whose pixels are the examples."""

    test_fraction: Fraction
    max_side: Annotated[int, Field(ge=8, le=256)]


class ImageFolderPreprocess(Preprocess):
    """A folder of image files."""

    test_fraction: Fraction
    max_examples: Count | None
    center_crop: Annotated[list[Count], Field(min_length=2, max_length=2)] | None
    crop_fraction: Annotated[float, Field(gt=0, le=1)]
    image_shape: Annotated[list[Units], Field(min_length=3, max_length=3)]


class Dataset(Section):
    """A source and its expected counts."""

    source: Text
    expected: dict[Id, int | float]


class IdxImages(Dataset):
    """Images and labels in IDX files."""

    module: Literal["idx_images"]
    preprocess: IdxPreprocess


class Votes(Dataset):
    """Congressional votes."""

    module: Literal["congressional_votes"]
    preprocess: VotesPreprocess


class Masses(Dataset):
    """Mammographic masses."""

    module: Literal["mammographic_masses"]
    preprocess: MassesPreprocess


class Reviews(Dataset):
    """IMDB reviews."""

    module: Literal["imdb"]
    preprocess: ReviewsPreprocess


class TextFile(Dataset):
    """Any UTF-8 text file."""

    module: Literal["text_file"]
    preprocess: TextPreprocess


class SingleImage(Dataset):
    """Any image file."""

    module: Literal["single_image"]
    preprocess: SingleImagePreprocess


class ImageFolder(Dataset):
    """Any folder of image files."""

    module: Literal["image_folder"]
    preprocess: ImageFolderPreprocess


AnyDataset = Annotated[
    IdxImages | Votes | Masses | Reviews | TextFile | SingleImage | ImageFolder,
    Field(discriminator="module"),
]


class GarmentPhotos(Section):
    """Example folder of color images, generated by stages/garment_photos.py."""

    num_images: Annotated[int, Field(ge=1, le=1_000_000)]
    side: Annotated[int, Field(ge=32, le=512)]
    quality: Annotated[int, Field(ge=1, le=95)]
    seed: Seed


class Synthetic(Section):
    """Points in the plane, generated by stages/synthesize.py."""

    shape: Literal["circle", "xor", "spiral", "ring", "line"]
    num_points: Annotated[int, Field(ge=60, le=1_000_000)]
    noise: NonNegative
    seed: Seed


# Networks


class Mlp(Section):
    """Fully connected network for images; without hidden layers, softmax regression."""

    name: Literal["mlp"]
    hidden_units: list[Units]
    activation: Activation
    dropout: Rate


class ConvLayer(Section):
    """Convolutional layer, with optional max-pooling and batch normalization."""

    filters: Annotated[int, Field(ge=1, le=4096)]
    kernel_size: Annotated[int, Field(ge=1, le=64)]
    padding: Literal["same", "valid"]
    max_pool: bool
    batch_norm: bool


class Cnn(Section):
    """Convolutional network."""

    name: Literal["cnn"]
    conv_layers: Annotated[list[ConvLayer], Field(min_length=1)]
    batch_norm_momentum: Rate
    spatial_dropout: Rate
    dense_units: list[Units]
    activation: Activation
    dropout: Rate


Filters = Annotated[int, Field(ge=1, le=1024)]


class ConvBlock(Section):
    """Convolution, with optional max-pooling, batch normalization and activation."""

    type: Literal["conv"]
    filters: Filters
    kernel_size: Annotated[int, Field(ge=1, le=5)]
    max_pool: bool


class ResidualBlock(Section):
    """Two 3x3 convolutions and a shortcut; `strides` are those of the first."""

    type: Literal["residual"]
    filters: Filters
    strides: Annotated[int, Field(ge=1, le=2)]


class InceptionBlock(Section):
    """Convolutions of three sizes and max-pooling side by side, with 1x1 reductions."""

    type: Literal["inception"]
    filters_1x1: Filters
    reduce_3x3: Filters
    filters_3x3: Filters
    reduce_5x5: Filters
    filters_5x5: Filters
    filters_pool: Filters
    max_pool: bool


AnyBlock = ConvBlock | ResidualBlock | InceptionBlock


class BlockCnn(Section):
    """Convolutional network of plain, residual and inception blocks, for images."""

    name: Literal["block_cnn"]
    blocks: Annotated[
        list[Annotated[AnyBlock, Field(discriminator="type")]], Field(min_length=1, max_length=64)
    ]
    batch_norm_momentum: Rate
    activation: Activation
    dropout: Rate
    average_flips: bool


class TabularMlp(Section):
    """Fully connected network for tables with two classes."""

    name: Literal["tabular_mlp"]
    hidden_units: list[Units]
    activation: Activation
    dropout: Rate
    l2: NonNegative


class TextRnn(Section):
    """Recurrent network that classifies texts."""

    name: Literal["text_rnn"]
    cell: Cell
    embedding_dim: Units
    units: Units
    word_dropout: Rate
    spatial_dropout: Rate
    dropout: Rate


class CharRnn(Section):
    """Recurrent character-level language model."""

    name: Literal["char_rnn"]
    cell: Cell
    layers: Annotated[int, Field(ge=1, le=16)]
    units: Units
    embedding_dim: Units
    spatial_dropout: Rate
    dropout: Rate
    weight_dropout: Rate


class Vae(Section):
    """Convolutional variational autoencoder for grayscale images."""

    name: Literal["vae"]
    latent_dim: Annotated[int, Field(ge=2, le=4096)]
    encoder_filters: Annotated[list[Units], Field(min_length=1, max_length=8)]
    encoder_units: list[Units]
    encoder_dropout: Rate
    decoder_units: Annotated[list[Units], Field(min_length=1)]
    decoder_filters: Annotated[list[Units], Field(min_length=2, max_length=2)]
    decoder_initial_stddev: Positive | None = None
    activation: Activation
    batch_norm_momentum: Rate


class DcganGenerator(Section):
    """Two transposed convolutions; filters at a quarter and at half of the image size."""

    type: Literal["dcgan"]
    filters: Annotated[list[Units], Field(min_length=2, max_length=2)]
    batch_norm_momentum: Rate


class DcganDiscriminator(Section):
    """Convolutions of stride 2."""

    type: Literal["dcgan"]
    filters: Annotated[list[Units], Field(min_length=1, max_length=8)]


class MlpNetwork(Section):
    """Fully connected generator or discriminator of points."""

    type: Literal["mlp"]
    hidden_units: Annotated[list[Units], Field(min_length=1)]
    activation: Activation


class Gan(Section):
    """Generative adversarial network for images or points."""

    name: Literal["gan"]
    latent_dim: Annotated[int, Field(ge=1, le=4096)]
    generator: Annotated[DcganGenerator | MlpNetwork, Field(discriminator="type")]
    discriminator: Annotated[DcganDiscriminator | MlpNetwork, Field(discriminator="type")]


class ToyMlp(Section):
    """Fully connected network for points in the plane, small enough to draw each unit."""

    name: Literal["toy_mlp"]
    hidden_units: Annotated[list[Annotated[int, Field(ge=1, le=16)]], Field(max_length=6)]
    activation: Activation


class FourierMlp(Section):
    """Coordinate network: pixel position to color through random Fourier features."""

    name: Literal["fourier_mlp"]
    num_frequencies: Annotated[int, Field(ge=1, le=4096)]
    sigma: Positive
    hidden_units: Annotated[list[Units], Field(min_length=1)]


class RawTensorFlow(Section):
    """One hidden layer of sigmoid units, in low-level TensorFlow."""

    name: Literal["raw_tensorflow"]
    hidden_units: Units
    initial_gain: Positive


# Training


class Optimizer(Section):
    """Settings shared by all optimizers; `weight_decay` is decoupled from the gradient."""

    learning_rate: Positive
    schedule: Schedule
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    global_clipnorm: Positive | None = None
    ema_momentum: Fraction | None = None


class Adam(Optimizer):
    """Adam, and AdamW with weight decay."""

    name: Literal["adam"]
    beta_1: Rate
    beta_2: Rate


class Sgd(Optimizer):
    """Stochastic gradient descent."""

    name: Literal["sgd"]
    momentum: Rate
    nesterov: bool


class RmsProp(Optimizer):
    """RMSprop."""

    name: Literal["rmsprop"]
    rho: Rate
    momentum: Rate


AnyOptimizer = Annotated[Adam | Sgd | RmsProp, Field(discriminator="name")]
BatchSize = Annotated[int, Field(ge=1, le=65_536)]
Epochs = Annotated[int, Field(ge=1, le=100_000)]
Steps = Annotated[int, Field(ge=1, le=10_000_000)]


class Augmentation(Section):
    """Random augmentation of training images."""

    shift: Annotated[int, Field(ge=0, lt=14)]
    flip: bool


class Distortions(Augmentation):
    """Random augmentation of the network block_cnn; 0 for none.

    Largest rotation in degrees, relative change of the scale and shear; side of the erased square
    in pixels.
    """

    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    zoom: Rate = 0.0
    shear: Rate = 0.0
    erase: Annotated[int, Field(ge=0, le=28)] = 0


class Training(Section):
    """Settings shared by all training configs."""

    seed: Seed
    batch_size: BatchSize


class KerasTraining(Training):
    """Settings shared by all epoch-based training configs with one optimizer."""

    precision: Precision
    epochs: Epochs
    optimizer: AnyOptimizer


class ClassifierTraining(KerasTraining):
    """Training of a classifier with cross-entropy loss."""

    label_smoothing: Rate = 0.0
    early_stopping_patience: Epochs | None = None


class ImageClassifierTraining(ClassifierTraining):
    """Training of an image classifier."""

    input_pipeline: Literal["images"]
    augmentation: Augmentation | None = None


class BlockCnnTraining(ImageClassifierTraining):
    """Training of an image classifier with more augmentation."""

    augmentation: Distortions | None = None


class TableClassifierTraining(ClassifierTraining):
    """Training of a classifier of tables."""

    input_pipeline: Literal["arrays"]


class TextClassifierTraining(ClassifierTraining):
    """Training of a text classifier."""

    input_pipeline: Literal["texts"]


class VaeTraining(KerasTraining):
    """Training of a VAE: reconstruction loss plus `kl_weight` times the KL divergence."""

    input_pipeline: Literal["images"]
    kl_weight: NonNegative
    augmentation: Augmentation | None = None


class AdversarialTraining(Training):
    """Training of a generator and a discriminator, each with its optimizer."""

    precision: Precision
    generator_optimizer: AnyOptimizer
    discriminator_optimizer: AnyOptimizer
    discriminator_steps: Annotated[int, Field(ge=1, le=100)]
    r1_weight: NonNegative
    r1_interval: Annotated[int, Field(ge=1, le=1000)]
    label_smoothing: Rate = 0.0


class ImageGanTraining(AdversarialTraining):
    """Epoch-based training of a GAN of images."""

    input_pipeline: Literal["images"]
    epochs: Epochs
    augmentation: Augmentation | None = None


class PointGanTraining(AdversarialTraining):
    """Step-based training of a GAN of points."""

    input_pipeline: Literal["arrays"]
    steps: Steps


class CharRnnTraining(KerasTraining):
    """Truncated backpropagation through time, and texts sampled during training."""

    input_pipeline: Literal["characters"]
    sequence_length: Annotated[int, Field(ge=1, le=10_000)]
    sample_temperatures: Annotated[list[Positive], Field(min_length=1, max_length=10)]
    sample_length: Annotated[int, Field(ge=1, le=10_000)]
    sample_every: Epochs


class StepTraining(Training):
    """Step-based training of a small network."""

    input_pipeline: Literal["arrays"]
    precision: Precision
    steps: Steps
    optimizer: AnyOptimizer


class RawTraining(Training):
    """The low-level training loop."""

    input_pipeline: Literal["arrays"]
    steps: Steps
    learning_rate: Positive
    schedule: Literal["constant", "triangular"]


# Models


class Evaluation(Section):
    """Evaluation settings; `evaluator` is the classifier that scores generated images."""

    evaluator: Id


class SeededEvaluation(Evaluation):
    """Evaluation settings with a random seed."""

    seed: Seed


class ReportRow(Section):
    """Row of a model in the report: main metric, the course's result and the target."""

    title: Text
    metric: Text
    unit: Annotated[str, StringConstraints(max_length=40)]
    direction: Literal["maximize", "minimize"]
    course: Number | None
    course_source: Annotated[str, StringConstraints(max_length=300)]
    target: Number | None


class Model(Section):
    """Settings shared by all models."""

    dataset: Id
    report: ReportRow


class Classifier(Model):
    """A model that predicts a class."""

    task: Literal["classification"]
    evaluation: Evaluation


class MlpModel(Classifier):
    """See Mlp."""

    network: Mlp
    training: ImageClassifierTraining


class CnnModel(Classifier):
    """See Cnn."""

    network: Cnn
    training: ImageClassifierTraining


class BlockCnnModel(Classifier):
    """See BlockCnn."""

    network: BlockCnn
    training: BlockCnnTraining


class TabularMlpModel(Classifier):
    """See TabularMlp."""

    network: TabularMlp
    training: TableClassifierTraining


class TextRnnModel(Classifier):
    """See TextRnn."""

    network: TextRnn
    training: TextClassifierTraining


class RawTensorFlowModel(Classifier):
    """See RawTensorFlow."""

    network: RawTensorFlow
    training: RawTraining


class VaeModel(Model):
    """See Vae."""

    task: Literal["autoencoding"]
    network: Vae
    training: VaeTraining
    evaluation: SeededEvaluation


class GanModel(Model):
    """See Gan."""

    task: Literal["image_generation", "toy_generation"]
    network: Gan
    training: Annotated[ImageGanTraining | PointGanTraining, Field(discriminator="input_pipeline")]
    evaluation: SeededEvaluation


class CharRnnModel(Model):
    """See CharRnn."""

    task: Literal["language_modeling"]
    network: CharRnn
    training: CharRnnTraining
    evaluation: SeededEvaluation


class ToyMlpModel(Model):
    """See ToyMlp."""

    task: Literal["toy_classification"]
    network: ToyMlp
    training: StepTraining
    evaluation: Evaluation


class FourierMlpModel(Model):
    """See FourierMlp."""

    task: Literal["image_fitting"]
    network: FourierMlp
    training: StepTraining
    evaluation: Evaluation


MODELS: dict[str, type[Model]] = {
    "mlp": MlpModel,
    "cnn": CnnModel,
    "block_cnn": BlockCnnModel,
    "tabular_mlp": TabularMlpModel,
    "text_rnn": TextRnnModel,
    "raw_tensorflow": RawTensorFlowModel,
    "vae": VaeModel,
    "gan": GanModel,
    "char_rnn": CharRnnModel,
    "toy_mlp": ToyMlpModel,
    "fourier_mlp": FourierMlpModel,
}  # by network.name


def network_name(values: Any) -> str:
    """Name of the network of a model, which selects the model's class."""
    if isinstance(values, Model):
        return str(values.network.name)  # type: ignore[attr-defined]
    network = values.get("network") if isinstance(values, dict) else None
    return str(network.get("name")) if isinstance(network, dict) else "None"


AnyModel = Annotated[
    Annotated[MlpModel, Tag("mlp")]
    | Annotated[CnnModel, Tag("cnn")]
    | Annotated[BlockCnnModel, Tag("block_cnn")]
    | Annotated[TabularMlpModel, Tag("tabular_mlp")]
    | Annotated[TextRnnModel, Tag("text_rnn")]
    | Annotated[RawTensorFlowModel, Tag("raw_tensorflow")]
    | Annotated[VaeModel, Tag("vae")]
    | Annotated[GanModel, Tag("gan")]
    | Annotated[CharRnnModel, Tag("char_rnn")]
    | Annotated[ToyMlpModel, Tag("toy_mlp")]
    | Annotated[FourierMlpModel, Tag("fourier_mlp")],
    Discriminator(network_name),
]


class CrossValidation(Section):
    """K-fold cross-validation; dataset, network and input pipeline are those of the model."""

    dataset: Id
    network: Id
    input_pipeline: Id
    folds: Annotated[int, Field(ge=2, le=1000)]
    repeats: Annotated[int, Field(ge=1, le=1000)]
    seed: Seed


class Params(Section):
    """Content of params.yaml."""

    downloads: dict[Id, Download]
    datasets: dict[Id, AnyDataset]
    garment_photos: GarmentPhotos
    synthetic: dict[Id, Synthetic]
    models: dict[Id, AnyModel]
    cross_validation: dict[Id, CrossValidation]
