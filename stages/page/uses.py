"""Intended use, limitations and costs of errors of models, by task and by dataset.

Reference: Mitchell et al.: Model cards for model reporting, FAT* 2019.
"""

from typing import NamedTuple


class TaskUse(NamedTuple):
    """What the models of a task have in common.

    Attributes:
        intended: Intended use.
        limits: Limitations that do not depend on the dataset.
        errors: Costs of errors; empty if they depend on the dataset.
        arguments: Arguments of `stages.predict` after the model; None for those of the dataset.
    """

    intended: str
    limits: str
    errors: str = ""
    arguments: str | None = None


class DatasetUse(NamedTuple):
    """What the models of a dataset have in common.

    Attributes:
        out_of_scope: Out-of-scope uses.
        limits: Limitations and biases of the data.
        errors: Costs of errors.
        arguments: Arguments of `stages.predict` after the model: an example of an input.
    """

    out_of_scope: str
    limits: str
    errors: str
    arguments: str = "INPUT"


LEARNING = "For education, and as a baseline:"
SAMPLES = (
    "A person who looks at the samples discards a bad one at no cost. Samples that are passed off"
    " as real, or used as training data, pass on the biases and missing modes of the model."
)
RESTORED = (
    "Details are hallucinated: plausible, but not recovered from the input. Do not use restored"
    " images as evidence or in medicine."
)

TASKS = {
    "classification": TaskUse(
        f"{LEARNING} it classifies examples like those of its dataset.",
        "The set of classes is closed: out-of-distribution inputs are assigned to one of them, too."
        " If the model is calibrated, its probabilities hold for examples of the same distribution"
        " only.",
    ),
    "toy_classification": TaskUse(
        f"{LEARNING} the activation of each unit can be plotted over the input space.",
        "Outside the range of the training points, the decision boundary is arbitrary.",
    ),
    "toy_generation": TaskUse(
        f"{LEARNING} it generates 2-D points, which shows the modes that a GAN covers.",
        "It can drop modes of the distribution, or generate points between them.",
        "None: the data is synthetic.",
        "--count 5",
    ),
    "image_generation": TaskUse(
        f"{LEARNING} it generates images like those of its dataset.",
        "It reproduces the biases of its training images, can drop rare modes, and does not score"
        " its samples. Fréchet and Wasserstein distances use features or projections of this"
        " project and are not comparable with published FID values.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "drawing": TaskUse(
        f"{LEARNING} it generates digits in a sequence of glimpses with attention.",
        "Some samples are not recognizable digits. Generation is unconditional: the digit cannot be"
        " chosen.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "autoencoding": TaskUse(
        f"{LEARNING} it encodes images in a latent space, and decodes any point of it.",
        "A latent space of low dimension retains the class and the coarse shape only;"
        " reconstructions and samples are blurry.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "conditional_generation": TaskUse(
        f"{LEARNING} it generates images of a given class.",
        "Samples are blurrier and less diverse than real images. Their class is evaluated by a"
        " classifier, which makes errors itself.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "reconstruction": TaskUse(
        f"{LEARNING} dimensionality reduction, similarity search and anomaly detection.",
        "Prints and textures are lost. Compression is worse than that of image codecs. An anomaly"
        " is detected only if its reconstruction error is high.",
        "A lost detail may be the relevant one; an undetected anomaly passes as normal.",
        "docs/examples/shirt.jpg --output reconstructed.png",
    ),
    "restoration": TaskUse(
        f"{LEARNING} it restores corrupted images.",
        "It generalizes neither to other types of corruption nor to images unlike those of its"
        " dataset. A high PSNR does not imply correct details or colors.",
        RESTORED,
        "docs/examples/shirt.jpg --output restored.png",
    ),
    "word_vectors": TaskUse(
        f"{LEARNING} it provides word embeddings, similar for words in similar contexts.",
        "Embeddings are static: one per word, whatever its sense in a sentence; antonyms are often"
        " nearest neighbors. Out-of-vocabulary words have none.",
        "Word embeddings reproduce the social biases of their corpus. In a search the cost is an"
        " irrelevant result; in decisions about people it is discrimination that goes unnoticed.",
        "wonderful --count 5",
    ),
    "language_modeling": TaskUse(
        f"{LEARNING} it generates text character by character.",
        "It models style, not facts: text is coherent over a few words only.",
        "Generated text can be mistaken for a quotation of the author.",
        '"Alice was " --length 200',
    ),
    "translation": TaskUse(
        f"{LEARNING} it translates dates to ISO format, with attention that can be plotted.",
        "It outputs a date for any text, without a confidence. Where formats are known, a parser is"
        " exact and preferable.",
        "A wrong date is as plausible as a correct one, so that the error is noticed late: after an"
        " appointment or a deadline.",
        '"3 May 2021"',
    ),
    "captioning": TaskUse(
        f"{LEARNING} it describes the number in an image in words.",
        "It outputs a number for any image, without a confidence.",
        "A single wrong word can change the number by orders of magnitude.",
        "row.png",
    ),
    "forecasting": TaskUse(
        f"{LEARNING} it forecasts a univariate time series.",
        "Point forecasts without prediction intervals; errors grow with the horizon, and patterns"
        " absent from the training split are not forecast.",
        "A spike that is forecast late or not at all; for this recording, without consequences.",
        "numbers.txt",
    ),
    "image_fitting": TaskUse(
        f"{LEARNING} it represents one image by the weights of a network.",
        "It represents this image only, and blurs its finest details. A JPEG file is smaller and"
        " more accurate.",
        "A wrong color at a pixel.",
    ),
}

POINTS = DatasetUse(
    "Any use but education: the data is synthetic.",
    "Synthetic points in two dimensions, with noise of one type.",
    "None: the data is synthetic.",
    "0.5,0.25",
)
DATASETS = {
    "mnist": DatasetUse(
        "Reading amounts, addresses or forms in production; letters, and digits of other scripts.",
        "The digits were written by employees of the US Census Bureau and by US high-school"
        " students, scanned, scaled and centered. Styles common elsewhere, such as a crossed 7 or a"
        " 1 with a long upstroke, are underrepresented.",
        "A misread digit yields another valid number: an amount, a zip code, a dose. Predictions of"
        " low confidence need human review.",
        "docs/examples/digits.jpg",
    ),
    "fashion_mnist": DatasetUse(
        "Decisions about customers, prices or returns; recognizing people by what they wear.",
        "Product photos of one retailer at one time: a single garment on a plain background, 28x28"
        " grayscale. Clothes on people, and fashions of other cultures and times, are not covered.",
        "A product in the wrong category: cheap to correct, unless it affects thousands unnoticed.",
        "docs/examples/shirt.jpg",
    ),
    "congressional_votes": DatasetUse(
        "Inferring the party or opinions of any living person.",
        "One chamber in one year, with votes selected by an almanac; parties and their positions"
        " have changed since. Values are not missing at random: abstention differs by party.",
        "None for the representatives of 1984, whose party is known. For living people, a wrong"
        " prediction misstates a political opinion and a correct one discloses it; both are"
        " protected by law in many countries.",
        "docs/examples/votes.csv",
    ),
    "mammographic_masses": DatasetUse(
        "Diagnosis, triage, advice, or any other decision about a patient.",
        "One hospital, masses that were suspicious enough for a biopsy (selection bias), and"
        " descriptors assigned by its physicians instead of images. In a screening population the"
        " prevalence of malignancy is far lower, and so would be the positive predictive value."
        " The model has not been validated externally.",
        "A false negative is a missed cancer; a false positive is an unnecessary biopsy, with its"
        " risks and distress. The first costs far more, so that a threshold of one half would be"
        " wrong in any use; choosing one is a medical decision that this data cannot make.",
        "docs/examples/masses.csv",
    ),
    "imdb": DatasetUse(
        "Profiling authors, content moderation, and texts other than English movie reviews.",
        "Neutral reviews were excluded from the dataset, so that mixed reviews have no correct"
        " label. Rare and newer words are out of vocabulary; irony, quotations and long-range"
        " negation are hard.",
        "In aggregate, errors cancel out if both classes are misclassified equally often. The"
        " prediction for a single review must not affect its author.",
        "docs/examples/review.txt",
    ),
    "alice": DatasetUse(
        "Answering questions, stating facts, or text attributed to Lewis Carroll.",
        "One English children's book of 1865: its vocabulary, its characters, its worldview.",
        "Incoherent text.",
    ),
    "dates": DatasetUse(
        "Parsing dates in production: appointments, deadlines, contracts, patient records.",
        "Synthetic texts: formats, typos and the order of day and month follow the rules of this"
        " project, unlike texts of people. Dates are in English and from a limited range.",
        "A wrong date.",
    ),
    "digit_rows": DatasetUse(
        "Reading amounts, or handwriting on paper.",
        "Synthetic rows of one to four MNIST digits, which never touch or overlap; the limitations"
        " of MNIST apply, too.",
        "A wrong number.",
    ),
    "neuron": DatasetUse(
        "Conclusions about neurons in general; other time series.",
        "A recording of a few seconds from one cell, under one constant current.",
        "A wrong forecast.",
    ),
    "garments": DatasetUse(
        "Depicting real products or people.",
        "Synthetic: Fashion-MNIST with random colors on pale backgrounds; the limitations of"
        " Fashion-MNIST apply, too. Colors are independent of the garment.",
        "A wrong color, or an unrecognizable image.",
    ),
    "flower": DatasetUse(
        "Any other image.",
        "One photo.",
        "A wrong color.",
        "20,35",
    ),
    **dict.fromkeys(
        ("circle", "xor", "spiral", "ring", "line", "clusters", "noisy_spiral"), POINTS
    ),
}
MISSING = "Not described yet: add it to stages/page/uses.py before others use the model."
UNKNOWN_TASK = TaskUse(MISSING, MISSING, arguments="INPUT")
UNKNOWN = DatasetUse(MISSING, MISSING, MISSING)
