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
    ValidationInfo,
    field_validator,
)

Count = Annotated[int, Field(ge=1, le=100_000_000)]
Units = Annotated[int, Field(ge=1, le=65_536)]
EmbeddingDim = Annotated[int, Field(ge=1, le=2048)]  # times MAX_VOCABULARY is 134 million
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
Overrides = dict[Text, Any]  # dotted key of a model's section -> value
WindowSize = Annotated[int, Field(ge=2, le=28)]  # filters along each side of an attention window


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


Unit = Annotated[str, AfterValidator(plain_label)]
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


class TimeSeriesPreprocess(Section):
    """A time series, split in the order of time."""

    first: Annotated[int, Field(ge=0, le=100_000_000)]
    last: Count | None
    averaged: Annotated[int, Field(ge=1, le=10_000)]
    interval: Positive
    time_unit: Unit
    unit: Unit
    input_length: Annotated[int, Field(ge=2, le=10_000)]
    horizon: Annotated[int, Field(ge=1, le=1000)]
    test_fraction: Fraction
    validation_fraction: Fraction


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


class TimeSeries(Dataset):
    """Any text file with a number per line, measured at equal intervals."""

    module: Literal["time_series"]
    preprocess: TimeSeriesPreprocess


class SingleImage(Dataset):
    """Any image file."""

    module: Literal["single_image"]
    preprocess: SingleImagePreprocess


class ImageFolder(Dataset):
    """Any folder of image files."""

    module: Literal["image_folder"]
    preprocess: ImageFolderPreprocess


AnyDataset = Annotated[
    IdxImages | Votes | Masses | Reviews | TextFile | TimeSeries | SingleImage | ImageFolder,
    Field(discriminator="module"),
]


class GarmentPhotos(Section):
    """Example folder of color images, generated by stages/garment_photos.py."""

    num_images: Annotated[int, Field(ge=1, le=1_000_000)]
    side: Annotated[int, Field(ge=32, le=512)]
    quality: Annotated[int, Field(ge=1, le=95)]
    seed: Seed


class Dates(Section):
    """Dates as people write them, generated by stages/synthesize_dates.py."""

    num_examples: Annotated[int, Field(ge=100, le=1_000_000)]
    typo_rate: Rate
    lowercase_rate: Rate
    seed: Seed


class DigitRows(Section):
    """Images of numbers and their English words, generated by stages/synthesize_digit_rows.py."""

    num_examples: Annotated[int, Field(ge=100, le=1_000_000)]
    seed: Seed


class Synthetic(Section):
    """Points in the plane, generated by stages/synthesize.py."""

    shape: Literal["circle", "xor", "spiral", "ring", "line", "clusters"]
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


class RecurrentLayer(Section):
    """Recurrent layer that reads the maxima of every `max_pool` outputs of the layer below."""

    max_pool: Annotated[int, Field(ge=1, le=1000)]
    cell: Cell
    units: Units


class TextCnn(Section):
    """Convolutional network that classifies texts."""

    name: Literal["text_cnn"]
    embedding_dim: EmbeddingDim
    kernel_sizes: Annotated[
        list[Annotated[int, Field(ge=1, le=64)]], Field(min_length=1, max_length=8)
    ]
    filters: Annotated[int, Field(ge=1, le=4096)]
    recurrent: RecurrentLayer | None
    word_dropout: Rate
    spatial_dropout: Rate
    dropout: Rate


class Ngrams(Section):
    """Linear classifier of texts by the n-grams that they contain."""

    name: Literal["ngrams"]
    max_words: Annotated[int, Field(ge=1, le=3)]
    min_count: Annotated[int, Field(ge=1, le=1_000_000)]
    smoothing: Positive
    initial_weight: NonNegative


class Word2Vec(Section):
    """Word vectors of the skip-gram model."""

    name: Literal["word2vec"]
    embedding_dim: EmbeddingDim


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


class Cvae(Section):
    """Convolutional variational autoencoder whose encoder and decoder know the class."""

    name: Literal["cvae"]
    latent_dim: Annotated[int, Field(ge=1, le=4096)]
    encoder_filters: Annotated[list[Units], Field(min_length=1, max_length=8)]
    encoder_units: list[Units]
    decoder_units: list[Units]
    decoder_filters: Annotated[list[Units], Field(min_length=2, max_length=2)]
    activation: Activation
    batch_norm_momentum: Rate


class Autoencoder(Section):
    """Convolutional autoencoder; without `latent_dim`, skip connections instead of a bottleneck."""

    name: Literal["autoencoder"]
    latent_dim: Annotated[int, Field(ge=1, le=4096)] | None
    encoder_filters: Annotated[list[Units], Field(min_length=1, max_length=8)]
    decoder_filters: Annotated[list[Units], Field(min_length=1, max_length=8)]
    batch_norm_momentum: Rate


class Draw(Section):
    """DRAW: recurrent variational autoencoder with attention, for grayscale images."""

    name: Literal["draw"]
    glimpses: Annotated[int, Field(ge=1, le=64)]
    units: Units
    latent_dim: Annotated[int, Field(ge=1, le=4096)]
    read_size: WindowSize
    write_size: WindowSize


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


class TextEncoder(Section):
    """Bidirectional GRU over the characters of a text."""

    type: Literal["text"]
    embedding_dim: Units
    units: Units


class ImageEncoder(Section):
    """Convolutions with max-pooling, and a bidirectional GRU over the columns of their output."""

    type: Literal["image"]
    filters: Annotated[list[Units], Field(min_length=1, max_length=4)]
    batch_norm_momentum: Rate
    dropout: Rate
    units: Units


class Seq2SeqDecoder(Section):
    """GRU that writes tokens, with attention over the output of the encoder."""

    embedding_dim: Units
    units: Units
    attention: Literal["additive", "dot"]
    dropout: Rate


class Seq2Seq(Section):
    """Recurrent encoder-decoder network, from texts or images to sequences of tokens."""

    name: Literal["seq2seq"]
    encoder: Annotated[TextEncoder | ImageEncoder, Field(discriminator="type")]
    decoder: Seq2SeqDecoder


class Tcn(Section):
    """Temporal convolutional network: causal convolutions, each with twice the dilation."""

    name: Literal["tcn"]
    filters: Units
    kernel_size: Annotated[int, Field(ge=2, le=64)]
    blocks: Annotated[int, Field(ge=1, le=12)]
    dense_units: list[Units]
    dropout: Rate


class RawTensorFlow(Section):
    """Fully connected layers of sigmoid units, in low-level TensorFlow."""

    name: Literal["raw_tensorflow"]
    hidden_units: Annotated[list[Units], Field(min_length=1)]
    initial_gain: Positive


# Training


class Optimizer(Section):
    """Settings shared by all optimizers; `weight_decay` is decoupled from the gradient."""

    learning_rate: Positive
    schedule: Schedule
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    global_clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    ema_momentum: Fraction | None = None

    @field_validator("clipvalue")
    @classmethod
    def check_clipping(cls, value: float | None, info: ValidationInfo) -> float | None:
        """Reject clipping both by norm and by value, which Keras does not support."""
        if value is not None and info.data.get("global_clipnorm") is not None:
            raise ValueError("cannot be combined with global_clipnorm")
        return value


class Adagrad(Optimizer):
    """Adagrad."""

    name: Literal["adagrad"]


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


AnyOptimizer = Annotated[Adagrad | Adam | Sgd | RmsProp, Field(discriminator="name")]
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


class TextSequenceTraining(KerasTraining):
    """Training of an encoder-decoder network of texts, with teacher forcing."""

    input_pipeline: Literal["texts"]


class ImageSequenceTraining(KerasTraining):
    """Training of an encoder-decoder network of images, with teacher forcing."""

    input_pipeline: Literal["images"]
    augmentation: Augmentation | None = None


class ForecastTraining(KerasTraining):
    """Training of a network that forecasts a time series."""

    input_pipeline: Literal["arrays"]


class VaeTraining(KerasTraining):
    """Training of a VAE: reconstruction loss plus `kl_weight` times the KL divergence."""

    input_pipeline: Literal["images"]
    kl_weight: NonNegative
    augmentation: Augmentation | None = None


class Noise(Section):
    """Normal noise; standard deviation as a fraction of white."""

    type: Literal["noise"]
    stddev: Annotated[float, Field(gt=0, le=10)]


class Grayscale(Section):
    """Colors removed."""

    type: Literal["grayscale"]


class CvaeTraining(VaeTraining):
    """Training of a conditional VAE, with the loss of a classifier that is trained first."""

    classifier_epochs: Epochs
    classifier_weight: NonNegative


class AutoencoderTraining(KerasTraining):
    """Training of an autoencoder to reconstruct images, or to undo a corruption."""

    input_pipeline: Literal["images"]
    corruption: Annotated[Noise | Grayscale, Field(discriminator="type")] | None = None
    augmentation: Augmentation | None = None


class DrawTraining(KerasTraining):
    """Training of DRAW on the variational bound."""

    input_pipeline: Literal["images"]
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


class SkipGramTraining(KerasTraining):
    """Training of word vectors on pairs of words, with negative sampling."""

    input_pipeline: Literal["skip_grams"]
    window: Annotated[int, Field(ge=1, le=100)]
    subsampling: Annotated[float, Field(gt=0, le=1)]
    negatives: Annotated[int, Field(ge=1, le=1000)]
    shared_negatives: Annotated[int, Field(ge=1, le=65_536)]


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


class TextCnnModel(Classifier):
    """See TextCnn."""

    network: TextCnn
    training: TextClassifierTraining


class NgramsModel(Classifier):
    """See Ngrams."""

    network: Ngrams
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


class CvaeModel(Model):
    """See Cvae."""

    task: Literal["conditional_generation"]
    network: Cvae
    training: CvaeTraining
    evaluation: SeededEvaluation


class AutoencoderModel(Model):
    """See Autoencoder."""

    task: Literal["reconstruction", "restoration"]
    network: Autoencoder
    training: AutoencoderTraining
    evaluation: SeededEvaluation


class DrawModel(Model):
    """See Draw."""

    task: Literal["drawing"]
    network: Draw
    training: DrawTraining
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


class Seq2SeqModel(Model):
    """See Seq2Seq."""

    task: Literal["translation", "captioning"]
    network: Seq2Seq
    training: Annotated[
        TextSequenceTraining | ImageSequenceTraining, Field(discriminator="input_pipeline")
    ]
    evaluation: Evaluation


class TcnModel(Model):
    """See Tcn."""

    task: Literal["forecasting"]
    network: Tcn
    training: ForecastTraining
    evaluation: Evaluation


class Word2VecModel(Model):
    """See Word2Vec."""

    task: Literal["word_vectors"]
    network: Word2Vec
    training: SkipGramTraining
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
    "text_cnn": TextCnnModel,
    "ngrams": NgramsModel,
    "word2vec": Word2VecModel,
    "raw_tensorflow": RawTensorFlowModel,
    "vae": VaeModel,
    "cvae": CvaeModel,
    "autoencoder": AutoencoderModel,
    "draw": DrawModel,
    "gan": GanModel,
    "char_rnn": CharRnnModel,
    "seq2seq": Seq2SeqModel,
    "tcn": TcnModel,
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
    | Annotated[TextCnnModel, Tag("text_cnn")]
    | Annotated[NgramsModel, Tag("ngrams")]
    | Annotated[Word2VecModel, Tag("word2vec")]
    | Annotated[RawTensorFlowModel, Tag("raw_tensorflow")]
    | Annotated[VaeModel, Tag("vae")]
    | Annotated[CvaeModel, Tag("cvae")]
    | Annotated[AutoencoderModel, Tag("autoencoder")]
    | Annotated[DrawModel, Tag("draw")]
    | Annotated[GanModel, Tag("gan")]
    | Annotated[CharRnnModel, Tag("char_rnn")]
    | Annotated[Seq2SeqModel, Tag("seq2seq")]
    | Annotated[TcnModel, Tag("tcn")]
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


class Study(Section):
    """Variants of a model, to answer a question; dataset, network and pipeline are the model's."""

    question: Text
    model: Id
    dataset: Id
    network: Id
    input_pipeline: Id
    settings: Overrides  # of all variants
    grid: dict[Text, Annotated[list[Any], Field(min_length=1)]]
    variants: dict[Text, Overrides]
    reference: Text | None
    seeds: Annotated[list[Seed], Field(min_length=3, max_length=100)]
    metric: Text
    direction: Literal["maximize", "minimize"]
    chart: Literal["curves", "values", "snapshots"]
    snapshot: Text | None = None


class Calibration(Section):
    """Calibration of a classifier; `dataset` is that of the model."""

    dataset: Id
    accuracy: Fraction


class AnomalyDetection(Section):
    """Detection of the test images of another dataset; `dataset` is that of the model."""

    dataset: Id
    anomalies: Id


class Exploration(Section):
    """Exploration of the noise space of a GAN; dataset and evaluator are those of the model."""

    dataset: Id
    evaluator: Id
    seed: Seed
    num_images: Annotated[int, Field(ge=1, le=10_000)]
    restarts: Annotated[int, Field(ge=1, le=100)]
    steps: Steps
    learning_rate: Positive
    strength: Positive


class TransferTraining(Section):
    """Training with few labels: `epochs`, but at least `min_steps` steps."""

    batch_size: BatchSize
    precision: Precision
    epochs: Epochs
    min_steps: Steps
    optimizer: AnyOptimizer


class Transfer(Section):
    """Features of one model for another dataset, by number of labels."""

    question: Text
    source: Id
    dataset: Id
    labels_per_class: Annotated[list[Count], Field(min_length=2, max_length=10)]
    seeds: Annotated[list[Seed], Field(min_length=3, max_length=100)]
    fine_tuning_learning_rate: Positive
    training: TransferTraining


class ExportedModel(Section):
    """Formats of a model."""

    dataset: Id
    formats: Annotated[list[Literal["onnx", "litert", "int8"]], Field(min_length=1, max_length=3)]


class Export(Section):
    """Models to export, and the formats of each."""

    num_examples: Count
    models: Annotated[dict[Id, ExportedModel], Field(min_length=1)]


class PublishedFile(Section):
    """Path of a file below one of the addresses, and the hash that its publisher states."""

    file: Text
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Photos(Section):
    """Classification of photographs by a network trained on ImageNet."""

    folder: Text | None
    network: Text
    top: Annotated[int, Field(ge=1, le=1000)]
    urls: Annotated[list[Text], Field(min_length=1)]
    class_index: PublishedFile
    weights: Annotated[dict[Text, PublishedFile], Field(min_length=1)]


# Classical methods

Components = Annotated[int, Field(ge=1, le=784)]
Iterations = Annotated[int, Field(ge=1, le=10_000)]
MaxWords = Annotated[int, Field(ge=1, le=3)]
Leaves = Annotated[int, Field(ge=2, le=1024)]
Candidates = Annotated[list[Positive], Field(min_length=1, max_length=20)]


class ImageLogisticRegression(Section):
    """Softmax regression on pixels, with an L2 penalty of 1 / `C`."""

    name: Literal["logistic_regression"]
    C: Positive
    max_iter: Iterations


class ImageNeighbors(Section):
    """K nearest neighbors on principal components, weighted by the inverse distance."""

    name: Literal["nearest_neighbors"]
    pca_components: Components
    neighbors: Annotated[int, Field(ge=1, le=1000)]


class ImageKernelSvm(Section):
    """Support vector machine with an RBF kernel on principal components."""

    name: Literal["kernel_svm"]
    pca_components: Components
    C: Positive
    gamma: Positive


class ImageBoosting(Section):
    """Histogram gradient boosting on principal components."""

    name: Literal["gradient_boosting"]
    pca_components: Components
    learning_rate: Positive
    max_iter: Iterations
    max_leaf_nodes: Leaves


class TextNaiveBayes(Section):
    """Multinomial naive Bayes on counts of words, and of n-grams up to `ngrams` words."""

    name: Literal["naive_bayes"]
    ngrams: MaxWords
    alpha: Positive


class TextLogisticRegression(Section):
    """Logistic regression on tf-idf weights of n-grams."""

    name: Literal["logistic_regression"]
    ngrams: MaxWords
    C: Positive


class TextNbLogisticRegression(Section):
    """Logistic regression on n-grams weighted by naive Bayes."""

    name: Literal["nb_logistic_regression"]
    ngrams: MaxWords
    C: Positive


class TextNbSvm(Section):
    """Linear support vector machine on n-grams weighted by naive Bayes."""

    name: Literal["nb_svm"]
    ngrams: MaxWords
    C: Positive


class TableMethod(Section):
    """Settings shared by all methods for tables.

    Lists are candidates: an inner cross-validation chooses, in each fold anew. `bi_rads` adds the
    radiologist's assessment to the columns, or uses it alone.
    """

    bi_rads: Literal["alone", "added"] | None = None


class TableLogisticRegression(TableMethod):
    """Logistic regression; optionally on all pairs of columns, and on splines of numbers."""

    name: Literal["logistic_regression"]
    C: Candidates
    interactions: bool = False
    splines: bool = False


class TableBoosting(TableMethod):
    """Histogram gradient boosting."""

    name: Literal["gradient_boosting"]
    learning_rate: Positive
    max_iter: Iterations
    max_leaf_nodes: Annotated[list[Leaves], Field(min_length=1, max_length=20)]


class TableKernelSvm(TableMethod):
    """Support vector machine with an RBF kernel."""

    name: Literal["kernel_svm"]
    C: Candidates
    gamma: Candidates


AnyImageMethod = Annotated[
    ImageLogisticRegression | ImageNeighbors | ImageKernelSvm | ImageBoosting,
    Field(discriminator="name"),
]
AnyTextMethod = Annotated[
    TextNaiveBayes | TextLogisticRegression | TextNbLogisticRegression | TextNbSvm,
    Field(discriminator="name"),
]
AnyTableMethod = Annotated[
    TableLogisticRegression | TableBoosting | TableKernelSvm, Field(discriminator="name")
]


class ImageBaselines(Section):
    """Classical methods for images."""

    module: Literal["images"]
    model: Literal["none"]
    seed: Seed
    methods: Annotated[dict[Id, AnyImageMethod], Field(min_length=1)]


class TextBaselines(Section):
    """Classical methods for texts."""

    module: Literal["texts"]
    model: Literal["none"]
    seed: Seed
    methods: Annotated[dict[Id, AnyTextMethod], Field(min_length=1)]


class MissingValues(Section):
    """Logistic regression with missing values kept, imputed, or dropped with their rows."""

    C: Positive


class TableBaselines(Section):
    """Classical methods for tables, on the folds of the cross-validation of `model`."""

    module: Literal["tables"]
    model: Id
    seed: Seed
    methods: Annotated[dict[Id, AnyTableMethod], Field(min_length=1)]
    missing_values: MissingValues
    age_limits: Annotated[list[Count], Field(min_length=1, max_length=10)] | None = None


AnyBaselines = Annotated[
    ImageBaselines | TextBaselines | TableBaselines, Field(discriminator="module")
]


DrawnActivation = Literal["step", "gelu"] | Activation
LearningRates = Annotated[list[Positive], Field(min_length=2, max_length=6)]
Coordinate = Annotated[float, Field(ge=-2, le=2)]


class PerceptronAnalysis(Section):
    """A single neuron, and networks with a hidden layer, on logic gates and points."""

    question: Text
    seeds: Annotated[list[Seed], Field(min_length=3, max_length=100)]
    perceptron_passes: Annotated[int, Field(ge=1, le=1000)]
    gradient_descent_passes: Annotated[int, Field(ge=1, le=100_000)]
    hidden_units: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(max_length=2)]
    learning_rate: Positive


class Curve(Section):
    """Gradient descent on a curve."""

    learning_rates: LearningRates
    starts: Annotated[list[Coordinate], Field(min_length=1, max_length=6)]


class Valley(Section):
    """Gradient descent in a valley, steeper across than along by `condition_number`."""

    condition_number: Annotated[float, Field(ge=1, le=1e4)]
    learning_rates: LearningRates
    starts: Annotated[
        list[Annotated[list[Coordinate], Field(min_length=2, max_length=2)]],
        Field(min_length=1, max_length=6),
    ]


class GradientDescentAnalysis(Section):
    """Walks of gradient descent, with and without momentum."""

    question: Text
    momentum: Fraction
    steps: Annotated[int, Field(ge=1, le=10_000)]
    curve: Curve
    valley: Valley


class ActivationAnalysis(Section):
    """Curves of activation functions, and gradients of deep random networks with them."""

    question: Text
    activations: Annotated[list[DrawnActivation], Field(min_length=2, max_length=8)]
    hidden_layers: Annotated[int, Field(ge=2, le=100)]
    units: Annotated[int, Field(ge=2, le=1000)]
    seeds: Annotated[list[Seed], Field(min_length=3, max_length=100)]


Distortion = Literal["shift", "rotation", "scale", "noise", "perturbation"]


class CenteredTraining(Section):
    """Models to train without shifts of the training images, and for how many epochs."""

    models: list[Id]
    epochs: Epochs


class Robustness(Section):
    """Accuracy of classifiers on distorted validation images."""

    question: Text
    dataset: Id
    models: Annotated[list[Id], Field(min_length=2)]
    num_images: Count
    seed: Seed  # of noise and of random signs
    amounts: dict[Distortion, Annotated[list[Number], Field(min_length=2)]]
    compared: dict[Distortion, Number]  # amounts of the results table
    centered: CenteredTraining


class MemoryTraining(Section):
    """Training of the small networks of the analysis of memory."""

    steps: Steps
    batch_size: BatchSize
    optimizer: AnyOptimizer


class Memory(Section):
    """How far back recurrent networks remember a symbol, and how far gradients reach."""

    question: Text
    cells: Annotated[list[Cell], Field(min_length=2)]
    units: Units
    num_symbols: Annotated[int, Field(ge=2, le=1000)]
    distances: Annotated[
        list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=2)
    ]  # steps from the symbol to the end
    compared: Count  # distance of the results table
    num_sequences: Count  # per distance, to measure
    seeds: Annotated[list[Seed], Field(min_length=3, max_length=100)]
    training: MemoryTraining


class Analyses(Section):
    """Questions answered by a computation of their own, by id: stages/analyses/<id>.py."""

    perceptron: PerceptronAnalysis
    gradient_descent: GradientDescentAnalysis
    activations: ActivationAnalysis
    robustness: Robustness
    memory: Memory


class DrawnDigits(Section):
    """Drawn digits, labeled by their file names, and the classifiers that answer."""

    folder: Text
    models: Annotated[list[Id], Field(min_length=1)]


class ExplainedModel(Section):
    """Examples for which the answers of a model are explained."""

    dataset: Id
    examples: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class LookInside(Section):
    """Classifiers whose answers are explained, and how."""

    split: Literal["validation", "test"]
    models: Annotated[dict[Id, ExplainedModel], Field(min_length=1)]
    integration_steps: Annotated[int, Field(ge=1, le=10_000)]
    occluded_side: Annotated[int, Field(ge=1, le=28)]  # in pixels
    background: Annotated[int, Field(ge=1, le=10_000)]  # training rows to compare a row with
    permutations: Annotated[int, Field(ge=1, le=1000)]  # of the columns, for each of them
    seed: Seed


class Params(Section):
    """Content of params.yaml."""

    downloads: dict[Id, Download]
    datasets: dict[Id, AnyDataset]
    garment_photos: GarmentPhotos
    dates: Dates
    digit_rows: DigitRows
    synthetic: dict[Id, Synthetic]
    models: dict[Id, AnyModel]
    cross_validation: dict[Id, CrossValidation]
    studies: dict[Id, Study]
    calibration: dict[Id, Calibration]
    anomaly_detection: dict[Id, AnomalyDetection]
    exploration: dict[Id, Exploration]
    transfer: dict[Id, Transfer]
    export: Export
    photos: Photos
    baselines: dict[Id, AnyBaselines]
    analyses: Analyses
    drawn_digits: DrawnDigits
    look_inside: LookInside
