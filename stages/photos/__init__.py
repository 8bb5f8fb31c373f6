"""Classification of photographs by networks trained on ImageNet."""
