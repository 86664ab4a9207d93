"""Image classification as inference: the trained ResNet-8 answers for the 10,000 test pictures of Fashion-MNIST."""
