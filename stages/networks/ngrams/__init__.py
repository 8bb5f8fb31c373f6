"""Linear classifier of texts by their n-grams, weighted as in naive Bayes."""
