"""Image classification, mini tier: ResNet-8 on Fashion-MNIST to 90 % top-1. The model is described in model.md."""
