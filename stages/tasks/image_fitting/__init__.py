"""Image fitting: test PSNR of a network that maps pixel coordinates to colors."""
