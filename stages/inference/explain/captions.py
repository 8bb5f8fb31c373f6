"""Captions of explanations: what each method computes, what to see, and where it is from."""

from stages.tasks.interface import Caption

LEGEND = "Orange is for the answer, blue against it."
CAPTIONS = {
    "attributions": Caption(
        "What made the answer",
        "A row for each example: the image with the answer and its probability, and how three "
        "methods distribute that answer over it. Grad-CAM (Selvaraju et al., 2017) weights the "
        "maps of the last convolution by what they mean for the class: a coarse region, in "
        "networks this small often beside the object. Integrated gradients (Sundararajan et al., "
        "2017) add up the gradient on the way from a black image to this one; together, the pixels "
        "make the difference of the two scores, and background has no share. Occlusion (Zeiler, "
        f"Fergus, 2014) covers the image with a small black square at every position. {LEGEND} "
        "Where occlusion is blue, the network would be surer without these strokes.",
    ),
    "layers": Caption(
        "The image on its way through the layers",
        "The first 16 feature maps of each layer (Zeiler, Fergus, 2014), darker for larger values, "
        "scaled by layer. The first convolution finds edges in one direction each; later maps are "
        "smaller, and mark where a part of a class is, no longer how it looks.",
    ),
    "kernels": Caption(
        "Kernels of the first convolution",
        "A filter each, orange where it multiplies pixels by a positive weight and blue by a "
        "negative one. With an orange and a blue side it finds edges; of one color, it blurs.",
    ),
    "weights": Caption(
        "Weights of the linear model as images",
        "Orange pixels raise the score of the class and blue ones lower it. Such a template per "
        "class is all that a linear model has: a 0 must have no ink in its hole, which is blue, "
        "and trousers none between the legs.",
    ),
    "words": Caption(
        "What each word did",
        "Each word is left out in turn (Li et al., 2016); its color is what the log-odds of the "
        f"answer lose without it. {LEGEND} Words without color do not matter here, or others say "
        "the same; those by which a long text is cut have none either.",
    ),
    "effects": Caption(
        "Strongest words",
        "The words whose omission changes the log-odds of the answer most (Li et al., 2016), "
        f"sorted by their effect. {LEGEND}",
    ),
    "columns": Caption(
        "What each column did",
        "Shapley values (Shapley, 1953; Lundberg, Lee, 2017): the change of the probability when "
        "the value of a column becomes known, averaged over the orders in which columns can become "
        "known, with the training examples for what is not known yet. They add up from the mean "
        f"probability to that of this row. {LEGEND}",
    ),
}
