"""What models are for, their limits, and what errors cost: by task and by dataset.

Reference: Mitchell et al.: Model cards for model reporting, FAT* 2019.
"""

from typing import NamedTuple


class TaskUse(NamedTuple):
    """What the models of a task have in common.

    Attributes:
        intended: What they are for.
        limits: What they cannot do, whatever the dataset.
        errors: What errors cost; empty if that depends on the dataset.
        arguments: Arguments of `stages.predict` after the model; None for those of the dataset.
    """

    intended: str
    limits: str
    errors: str = ""
    arguments: str | None = None


class DatasetUse(NamedTuple):
    """What the models of a dataset have in common.

    Attributes:
        out_of_scope: What they must not be used for.
        limits: What is missing in the data, and its biases.
        errors: What a wrong answer costs.
        arguments: Arguments of `stages.predict` after the model: an example of an input.
    """

    out_of_scope: str
    limits: str
    errors: str
    arguments: str = "INPUT"


LEARNING = "To learn and teach how such a network works, and as a baseline to compare with:"
SAMPLES = (
    "A person who looks at the samples rejects a bad one at no cost. Taken for real, or used as"
    " training data, samples pass on what is distorted or missing in them."
)
RESTORED = (
    "Details are made up to look likely: who takes them for what was there draws wrong conclusions."
    " Never as evidence, and never in medicine."
)

TASKS = {
    "classification": TaskUse(
        f"{LEARNING} it tells the classes of its dataset apart.",
        "It knows these classes only, so that any other input gets one of them, too. Probabilities"
        " are right on average over examples like those it was calibrated on, if it was, and say"
        " little about others.",
    ),
    "toy_classification": TaskUse(
        f"{LEARNING} the output of each unit can be drawn over the plane.",
        "Outside the range of the training points, the decision boundary is arbitrary.",
    ),
    "toy_generation": TaskUse(
        f"{LEARNING} it generates points of the plane, so that one sees what a GAN covers.",
        "It can miss a part of the distribution, or put points where there are none.",
        "None: the points are artificial.",
        "--count 5",
    ),
    "image_generation": TaskUse(
        f"{LEARNING} it generates images like those of its dataset.",
        "It imitates its training images, with their biases, and neither knows nor says whether a"
        " sample is plausible; rare kinds of images can be missing. Its distances are measured with"
        " features or projections of this project and compare with no published FID.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "drawing": TaskUse(
        f"{LEARNING} it draws digits in glimpses.",
        "Some samples are no digit. It cannot be told which digit to draw.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "autoencoding": TaskUse(
        f"{LEARNING} it places images in a latent space, and decodes any point of it.",
        "Few latent variables keep the kind and the rough shape; reconstructions and samples are"
        " blurred averages.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "conditional_generation": TaskUse(
        f"{LEARNING} it generates images of a class that one chooses.",
        "Its samples are smoother and vary less than real images. How many are of their class is"
        " judged by a classifier, which is wrong at times itself.",
        SAMPLES,
        "--count 10 --output sheet.png",
    ),
    "reconstruction": TaskUse(
        f"{LEARNING} it compresses images, searches among them and detects unlike ones.",
        "Prints and textures are lost. It compresses worse than a codec made for that, and detects"
        " only anomalies that it reconstructs badly.",
        "A lost detail may be the one that matters; an anomaly that is missed passes for normal.",
        "docs/examples/shirt.jpg --output reconstructed.png",
    ),
    "restoration": TaskUse(
        f"{LEARNING} it undoes a corruption of images.",
        "It undoes the corruption that it was trained on, of images like those of its dataset. A"
        " high PSNR is no proof of a right detail or color.",
        RESTORED,
        "docs/examples/shirt.jpg --output restored.png",
    ),
    "word_vectors": TaskUse(
        f"{LEARNING} it gives words vectors, similar for words in similar contexts.",
        "Similar contexts are not similar meanings: opposites are often neighbors. Each word has"
        " one vector for all its meanings, and words outside the vocabulary have none.",
        "Vectors repeat the prejudices of the texts. In a search they cost a bad hit; in decisions"
        " about people they discriminate, and nothing shows it.",
        "wonderful --count 5",
    ),
    "language_modeling": TaskUse(
        f"{LEARNING} it continues a text, character by character.",
        "It imitates style and knows nothing: sentences lose their sense within a few words.",
        "What it writes is neither true nor false. Taken for a quotation of the author, it"
        " misleads.",
        '"Alice was " --length 200',
    ),
    "translation": TaskUse(
        f"{LEARNING} it translates dates to one format, with attention that can be seen.",
        "It gives no sign when it is unsure, and any text gets a date. Parsing rules are exact and"
        " to be preferred wherever the formats are known.",
        "A wrong date looks as right as any other: an appointment, a deadline or a birthday is"
        " another day, and that is found late.",
        '"3 May 2021"',
    ),
    "captioning": TaskUse(
        f"{LEARNING} it writes the number that an image shows in words.",
        "It gives no sign when it is unsure, and any image gets a number.",
        "One wrong word makes another number, perhaps a hundred times as large.",
        "row.png",
    ),
    "forecasting": TaskUse(
        f"{LEARNING} it forecasts the next values of one series.",
        "It is a forecast without an interval; errors grow with the horizon, and what never"
        " occurred in the training part is not foreseen.",
        "Who acts on a forecast that misses a spike acts too late; who acts on one that is too"
        " early acts in vain. Nothing depends on this recording.",
        "numbers.txt",
    ),
    "image_fitting": TaskUse(
        f"{LEARNING} it stores one image in the weights of a network.",
        "It knows this image only, and blurs its finest detail. A JPEG file is smaller and better.",
        "A wrong color at a pixel.",
    ),
}

POINTS = DatasetUse(
    "Anything but learning: the points are artificial.",
    "Two coordinates, and noise of one kind.",
    "None: the points are artificial.",
    "0.5,0.25",
)
DATASETS = {
    "mnist": DatasetUse(
        "Reading amounts, addresses, forms or anything that someone relies on; letters, and digits"
        " of other scripts.",
        "The digits were written by employees of the US Census Bureau and by US high-school"
        " students, scanned, scaled and centered. What is usual elsewhere, such as a crossed 7 or"
        " a 1 with a long upstroke, is rare among them.",
        "A wrong digit makes another number, and nothing in the number shows it: an amount, a zip"
        " code, a dose. Doubtful digits have to be left to a person.",
        "docs/examples/digits.jpg",
    ),
    "fashion_mnist": DatasetUse(
        "Decisions about customers, prices or returns; recognizing people by what they wear.",
        "Product photos of one retailer at one time, each of one garment on a plain background,"
        " small and gray. Clothes on people, other cultures and other fashions are missing.",
        "A product on the wrong shelf or page: cheap to correct, unless it happens unseen to"
        " thousands.",
        "docs/examples/shirt.jpg",
    ),
    "congressional_votes": DatasetUse(
        "Inferring the party or opinions of any living person.",
        "One chamber in one year, and votes chosen by an almanac. Parties and their positions have"
        " changed since. Who did not vote differs between the parties.",
        "A member of 1984 in the wrong party harms no one, since the party is known. Of living"
        " people, a wrong answer misstates a political opinion and a right one discloses it;"
        " in many countries, the law protects both.",
        "docs/examples/votes.csv",
    ),
    "mammographic_masses": DatasetUse(
        "Diagnosis, triage, advice, or any other decision about a patient.",
        "One hospital, masses that were suspicious enough for a biopsy, and the words of its"
        " physicians instead of images. Among all women who are screened, far fewer masses are"
        " malignant, so that a larger part of those that it calls malignant would be benign."
        " It was never validated with other patients.",
        "A false negative is a cancer that nobody follows up; a false positive is a biopsy that was"
        " not needed, with its risks and its fear. The first costs far more, so that a threshold of"
        " one half would be wrong in any use; which one is right is a medical question that this"
        " data cannot answer.",
        "docs/examples/masses.csv",
    ),
    "imdb": DatasetUse(
        "Judging authors, moderating what they write, and texts other than English movie reviews.",
        "Reviews in between were left out, so that a mixed review has no right answer. Words that"
        " are newer or rarer than its vocabulary are unknown; irony, quotations and negations over"
        " several words are hard.",
        "One misread review changes an average little, if errors are equally frequent on both"
        " sides. An answer about a single review must decide nothing about its author.",
        "docs/examples/review.txt",
    ),
    "alice": DatasetUse(
        "Answers, facts, or texts that anyone takes for Lewis Carroll's.",
        "One English children's book of 1865: its words, its characters, its view of the world.",
        "A text without sense.",
    ),
    "dates": DatasetUse(
        "Dates that anything depends on: appointments, deadlines, contracts, records of patients.",
        "The texts are generated: formats, typos and the order of day and month follow the rules of"
        " this project, which people break. All dates are from a limited range, in English.",
        "A wrong date.",
    ),
    "digit_rows": DatasetUse(
        "Reading amounts, or handwriting as it occurs on paper.",
        "Digits of MNIST side by side, which never touch or overlap, of one to four places; and all"
        " that holds for MNIST.",
        "A wrong number.",
    ),
    "neuron": DatasetUse(
        "Conclusions about neurons, and any other series.",
        "Seconds of one cell, under one constant current.",
        "A wrong forecast.",
    ),
    "garments": DatasetUse(
        "Showing products that exist, or people.",
        "Generated from Fashion-MNIST with random colors on pale backgrounds, and all that holds"
        " for Fashion-MNIST. That a garment has a color says nothing about which.",
        "A wrong color, or an image of nothing.",
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
