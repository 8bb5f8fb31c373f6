"""Words for the evaluation of word vectors."""

# Words whose neighbors are shown.
SHOWN = (
    "great", "terrible", "boring", "funny", "scary", "actor", "director", "plot", "music",
    "war", "zombie", "mother", "french", "seven", "hitchcock", "wrote",
)  # fmt: skip

# Words of the map, by group.
GROUPS = {
    "praise": ("wonderful", "superb", "excellent", "fantastic", "brilliant", "terrific"),
    "criticism": ("awful", "terrible", "horrible", "pathetic", "lousy", "dreadful"),
    "genres": ("comedy", "thriller", "drama", "western", "musical", "documentary"),
    "people": ("mother", "father", "brother", "sister", "daughter", "husband"),
    "crew": ("director", "producer", "writer", "editor", "cinematographer", "composer"),
    "numbers": ("two", "three", "four", "five", "six", "ten"),
    "nationalities": ("french", "german", "italian", "japanese", "chinese", "russian"),
}

# Pairs of words in the same relation; two pairs of a category are a question.
ANALOGIES = {
    "gender": (
        ("man", "woman"), ("boy", "girl"), ("he", "she"), ("king", "queen"),
        ("prince", "princess"), ("actor", "actress"), ("father", "mother"), ("son", "daughter"),
        ("brother", "sister"), ("husband", "wife"), ("hero", "heroine"), ("uncle", "aunt"),
    ),
    "nationality": (
        ("france", "french"), ("italy", "italian"), ("germany", "german"), ("japan", "japanese"),
        ("china", "chinese"), ("england", "english"), ("spain", "spanish"), ("russia", "russian"),
        ("america", "american"), ("ireland", "irish"), ("mexico", "mexican"), ("india", "indian"),
    ),
    "plural": (
        ("film", "films"), ("movie", "movies"), ("actor", "actors"), ("scene", "scenes"),
        ("character", "characters"), ("song", "songs"), ("joke", "jokes"), ("book", "books"),
        ("game", "games"), ("fan", "fans"), ("child", "children"), ("woman", "women"),
    ),
    "comparative": (
        ("good", "better"), ("bad", "worse"), ("big", "bigger"), ("long", "longer"),
        ("short", "shorter"), ("high", "higher"), ("low", "lower"), ("old", "older"),
        ("young", "younger"), ("strong", "stronger"), ("funny", "funnier"), ("dark", "darker"),
    ),
    "past tense": (
        ("see", "saw"), ("watch", "watched"), ("make", "made"), ("play", "played"),
        ("think", "thought"), ("know", "knew"), ("go", "went"), ("come", "came"),
        ("take", "took"), ("write", "wrote"), ("give", "gave"), ("find", "found"),
    ),
}  # fmt: skip
