"""Export of trained models to ONNX and LiteRT, and how well the exported files agree."""
