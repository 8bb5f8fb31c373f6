"""A text that the language model continues."""

from stages.demo.images import whole
from stages.demo.models import Models
from stages.inference.examples import check_length
from stages.inference.inputs import integer
from stages.inference.predict import predict

MODEL = "alice_charrnn"
MAX_LENGTH = 2000  # characters: a few seconds


def continue_prompt(
    models: Models, prompt: str, length: float, temperature: float, seed: float
) -> str:
    """Continue a prompt.

    Args:
        models: Models of the page.
        prompt: Text of a character or more.
        length: Number of characters, a whole one.
        temperature: More than 0; below 1, likely characters become likelier.
        seed: Seed of the noise, a whole number.

    Returns:
        The prompt and its continuation.

    Raises:
        UserError: If a value is invalid, or the model not trained.
    """
    check_length("prompt", prompt)
    request = {
        "prompt": prompt,
        "length": whole("length", length),
        "temperature": temperature,
        "seed": whole("seed", seed),
    }
    integer(request, "length", 1, MAX_LENGTH)
    return prompt + str(predict(models.get(MODEL).bundle, request)["text"])
