"""Drawing: variational bound and pictures of a network that draws an image glimpse by glimpse."""
