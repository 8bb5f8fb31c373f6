"""Colors of all figures and charts."""

# Distinguishable with any color vision (Okabe, Ito: Color universal design, 2008). The first three
# always mean training, validation and test; gray means reference or real data.
TRAINING, VALIDATION, TEST = "#0072B2", "#D55E00", "#009E73"
GENERATED = "#D55E00"
REFERENCE = "#767676"
COLOR_CYCLE = [TRAINING, VALIDATION, TEST, "#CC79A7", "#56B4E9", "#E69F00"]
