"""Fully connected network for images; without hidden layers, softmax regression."""
